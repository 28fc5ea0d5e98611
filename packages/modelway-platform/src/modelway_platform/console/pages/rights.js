// What whoever is signed in may do: what would be refused is not offered, and a line says what it takes.
import { h } from "./dom.js";

let who = { name: "", role: "", projects: [] };
export const signedInAs = told => { who = { name: told?.name ?? "", role: told?.role ?? "", projects: told?.projects ?? [] }; };
export const me = () => who;

export const mayAdminister = () => who.role === "admin";
/** May they change what belongs to this project? */
export const mayDeploy = project => who.role === "admin" || (who.role === "deployer" && who.projects.includes(project));
/** The projects that they are bound to; none for all. */
export const projects = () => who.projects;

/** A button for those who may change the project (null: the platform itself); nothing for everybody else. */
export const button = (project, attributes, ...children) => ((project === null ? mayAdminister() : mayDeploy(project)) ? h("button", attributes, ...children) : null);

/** Why there are no buttons here; nothing for whoever has them. */
export function onlyLooking(project) {
  if (project === null ? mayAdminister() : mayDeploy(project)) return null;
  const takes = project === null ? "an admin" : `a deployer of ${project}, or an admin`;
  return h("p", { class: "looking soft", role: "note" }, `You look at this as ${who.name}, ${who.role}. Changing it takes ${takes}.`);
}
