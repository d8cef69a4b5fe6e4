. .ci/lib.sh
# The local store and archives, whatever happens: kills at any moment, a full disk (a small tmpfs: needs root), several processes.
counted store "$work/store.txt" node --test --test-reporter=tap system-tests/store-stress.mjs
sed -nE 's/^ *# ((store|archive, directory|full disk|seed).*)/>> \1/p' "$work/store.txt"
finish
