// What a caller writes with generated types; it compiles only where answers and questions are typed.
import type { components, paths } from "./schema";
import { recommend } from "./hey";
import type { Explanation, ListedItem, RecommendRequest } from "./hey";

type Schemas = components["schemas"];
type Listed = paths["/v1/recommend"]["post"]["responses"]["200"]["content"]["application/json"]["items"][number];

export const request: RecommendRequest & Schemas["RecommendRequest"] = { history: [], fallback: "popularity", unknown: "ignore", k: 3 };
// @ts-expect-error a policy that does not exist
export const misspelt: RecommendRequest = { history: [], unknown: "drop" };
// @ts-expect-error a field that does not exist
export const unknown: Schemas["RecommendRequest"] = { usr: 1 };

export function shown(item: ListedItem & Listed): ["known" | "content" | "popularity", number] {
  const why: Explanation | null | undefined = item.explanation;
  const score: number = why?.history.parts[0]?.score ?? 0;
  const term: string | undefined = why?.content?.parts[0]?.term;
  return [item.path, score + (term?.length ?? 0)];
}

export function state(answer: Schemas["ChangedItemAnswer"]): "added" | "replaced" | "restored" | "deleted" | "hidden" {
  return answer.state;
}

export async function first(): Promise<string | number | undefined> {
  const answer = await recommend({ body: request });
  return answer.data?.items[0]?.item;
}
