. .ci/lib.sh
# The sources as Deno sees them: its TypeScript 6, its idea of a package, its permissions.
mapfile -t folders < <(node -e 'import("./scripts/dependency-graph.mjs").then(({ PACKAGES }) => { for (const { folder } of Object.values(PACKAGES)) console.log(folder); })')

# Each package, and each entry point: those named ./node may ask for permissions, the others may not.
for folder in "${folders[@]}"; do
  mapfile -t entries < <(node -p 'Object.entries(JSON.parse(fs.readFileSync(process.argv[1])).exports).flatMap(([entry, target]) => target["@socikit/source"] ? [`${entry} ${target["@socikit/source"]}`] : []).join("\n")' "$folder/package.json")
  for line in "${entries[@]}"; do
    read -r entry source <<<"$line"
    check types "$deno" check --quiet "$folder/$source"
    if [ "$entry" != ./node ]; then
      check import-without-permission "$deno" run --quiet --no-prompt "$folder/$source"
    fi
  done
  check publish-dry-run bash -c 'cd "$1" && "$2" publish --quiet --dry-run --allow-dirty' - "$folder" "$deno"
done
check example-without-permission "$deno" run --quiet --no-prompt examples/list-under-deno.ts
check docs node scripts/check-docs.mjs "$deno"
finish
