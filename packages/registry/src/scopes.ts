/** What a token may do: `repository:name:pull,push`, or something only the registry understands. */
export type Scope = string;

/** The scope of operations on a repository. */
export function repositoryScope(repository: string, ...actions: readonly ("pull" | "push" | "delete")[]): Scope {
  return `repository:${repository}:${[...actions].sort().join(",")}`;
}

/** One scope a resource, actions and scopes sorted: equal needs give equal lists. */
export function mergeScopes(scopes: readonly Scope[]): readonly Scope[] {
  const merged = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const { resource, actions } = partsOf(scope);
    const known = merged.get(resource) ?? new Set();
    for (const action of actions) known.add(action);
    merged.set(resource, known);
  }
  return [...merged]
    .map(([resource, actions]) => (actions.size === 0 ? resource : `${resource}:${[...actions].sort().join(",")}`))
    .sort();
}

/** Whether a token for `granted` serves where `wanted` is needed. Only for scopes of the same resources: never another repository's. */
export function coversScopes(granted: readonly Scope[], wanted: readonly Scope[]): boolean {
  return (
    granted.length === wanted.length &&
    wanted.every((want) => {
      const { resource, actions } = partsOf(want);
      const grant = granted.map(partsOf).find((part) => part.resource === resource);
      return grant !== undefined && actions.every((action) => grant.actions.includes(action));
    })
  );
}

function partsOf(scope: Scope): { readonly resource: string; readonly actions: readonly string[] } {
  const last = scope.lastIndexOf(":");
  // A scope of one word ("aws") or two ("registry:catalog") has no actions.
  if (last < 0 || scope.indexOf(":") === last) return { resource: scope, actions: [] };
  return {
    resource: scope.slice(0, last),
    actions: scope
      .slice(last + 1)
      .split(",")
      .filter((action) => action !== ""),
  };
}
