. .ci/lib.sh
# The sources as Deno sees them: its TypeScript 6, its idea of a package, its permissions.
mapfile -t folders < <(node -e 'import("./scripts/dependency-graph.mjs").then(({ PACKAGES }) => { for (const { folder } of Object.values(PACKAGES)) console.log(folder); })')

# Entry points: those named ./node may ask for permissions, the others may not.
entries=() pure=()
for folder in "${folders[@]}"; do
  while read -r entry source; do
    entries+=("$folder/$source")
    if [ "$entry" != ./node ]; then pure+=("$folder/$source"); fi
  done < <(node -p 'Object.entries(JSON.parse(fs.readFileSync(process.argv[1])).exports).flatMap(([entry, target]) => target["@socikit/source"] ? [`${entry} ${target["@socikit/source"]}`] : []).join("\n")' "$folder/package.json")
done
check types "$deno" check --quiet "${entries[@]}"
for source in "${pure[@]}"; do check import-without-permission "$deno" run --quiet --no-prompt "$source"; done
for folder in "${folders[@]}"; do
  check publish-dry-run bash -c 'cd "$1" && "$2" publish --quiet --dry-run --allow-dirty' - "$folder" "$deno"
done
check example-without-permission "$deno" run --quiet --no-prompt examples/list-under-deno.ts
check docs node scripts/check-docs.mjs "$deno"
finish
