// Calls every operation of a server with the generated functions: node call.js ADDRESS PLAN, where PLAN is a JSON file of [name, arguments].
import * as generated from "./hey";
import { client } from "./hey/client.gen";

declare const process: { argv: string[] };
declare function require(name: string): { readFileSync(path: string, encoding: string): string };

type Call = (options: object) => Promise<{ data?: unknown; error?: unknown; response: Response }>;

async function main(address: string, plan: [string, object][]): Promise<void> {
  client.setConfig({ baseUrl: address });
  const functions = generated as unknown as Record<string, Call>;
  const found: [string, number, unknown][] = [];
  for (const [name, options] of plan) {
    const answer = await functions[name](options);
    found.push([name, answer.response.status, answer.data ?? answer.error ?? null]);
  }
  console.log(JSON.stringify(found));
}

void main(process.argv[2], JSON.parse(require("fs").readFileSync(process.argv[3], "utf-8")));
