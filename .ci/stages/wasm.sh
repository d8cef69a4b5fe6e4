. .ci/lib.sh
# The committed core is what its source compiles to.
npm run check:wasm -w wasm
