. .ci/lib.sh
# The committed core is what its source compiles to; and no access of the build with red zones leaves its region, over all corpora.
check rebuilt npm run check:wasm -w wasm
counted red-zones "$work/red-zones.txt" npm run test:debug -w wasm
finish
