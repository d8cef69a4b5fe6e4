. .ci/lib.sh
# The local store and archives: its commands beside the reference's on containerd; kills at any moment, a full disk (a small tmpfs: needs
# root), several processes.
export PATH="$go_bin:$PATH"
counted reference "$work/store-reference.txt" node --test --test-reporter=tap system-tests/store-reference.mjs
counted stress "$work/store.txt" node --test --test-reporter=tap system-tests/store-stress.mjs
sed -nE 's/^ *# \\?#? ?((store|archive, directory|full disk|seed).*)/>> \1/p' "$work/store.txt"
finish
