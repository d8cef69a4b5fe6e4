. .ci/lib.sh
# The same file everywhere: unbuilt sources in Deno, Bun and Node 26, the built packages in Node 20, 22 and 24.
smoke=runtime-tests/smoke.mjs
counted deno-sources "$work/deno.txt" "$deno" run --quiet -A "$smoke"
counted bun-sources "$work/bun.txt" "$bun" --conditions=@socikit/source "$smoke"
counted node-26-sources "$work/node-26.txt" "$(node_of 26)" --conditions=@socikit/source "$smoke"
counted node-20-built "$work/node-20.txt" node "$smoke"
for major in 22 24 26; do counted "node-$major-built" "$work/node-$major-built.txt" "$(node_of "$major")" "$smoke"; done
# Every decoder of spans gives the same bytes everywhere.
counted decoders-deno "$work/decoders-deno.txt" "$deno" run --quiet -A runtime-tests/decoders.mjs
counted decoders-bun "$work/decoders-bun.txt" "$bun" --conditions=@socikit/source runtime-tests/decoders.mjs
counted decoders-node-26 "$work/decoders-26.txt" "$(node_of 26)" --conditions=@socikit/source runtime-tests/decoders.mjs
counted decoders-node-20 "$work/decoders-20.txt" node runtime-tests/decoders.mjs
# So does a pool of builders on threads.
counted builds-deno "$work/builds-deno.txt" "$deno" run --quiet -A runtime-tests/build-pool.mjs
counted builds-bun "$work/builds-bun.txt" "$bun" --conditions=@socikit/source runtime-tests/build-pool.mjs
counted builds-node-26 "$work/builds-26.txt" "$(node_of 26)" --conditions=@socikit/source runtime-tests/build-pool.mjs
counted builds-node-20 "$work/builds-20.txt" node runtime-tests/build-pool.mjs
# The command too: its help says nothing if an import fails.
for major in 22 24 26; do check "node-$major-command" bash -c '"$1" packages/cli/dist/bin.js --help | grep -q create' - "$(node_of "$major")"; done
check deno-command bash -c '"$1" run --quiet -A packages/cli/src/bin.ts --help | grep -q create' - "$deno"
check bun-command bash -c '"$1" --conditions=@socikit/source packages/cli/src/bin.ts --help | grep -q create' - "$bun"
finish
