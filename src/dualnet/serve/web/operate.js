/** The page of operators: what the server does now, which model answers, items and people. */

import { startActivity } from "./operate-activity.js";
import { startItems } from "./operate-items.js";
import { startPeople } from "./operate-people.js";
import { startVersions } from "./operate-versions.js";
import { startTheme } from "./theme.js";

startTheme(document.getElementById("theme"));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
const showVersions = startVersions(document.getElementById("versions"));
startActivity(document.getElementById("now"), showVersions);
startItems(document.getElementById("items"));
startPeople(document.getElementById("people"));
