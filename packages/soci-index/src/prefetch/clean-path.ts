/** Go's `path.Clean("/" + path)`, without the slash in front: `..` goes up by name and stops at the root. */
export function cleanPath(path: string): string {
  const clean: string[] = [];
  for (const component of path.split("/")) {
    if (component === "..") clean.pop();
    else if (component !== "" && component !== ".") clean.push(component);
  }
  return clean.join("/");
}
