. .ci/lib.sh
# The built command against registries and tools that nobody here wrote.
export PATH="$go_bin:$PATH"
export SOCIKIT_RABBITMQ_IMAGE=$home/rabbitmq-image
SOCIKIT_NODE_26=$(node_of 26)
export SOCIKIT_NODE_26 SOCIKIT_DENO=$deno SOCIKIT_BUN=$bun
for file in system-tests/*.test.mjs; do
  name=$(basename "$file" .test.mjs)
  # Long ones have a stage, and its time, of their own.
  case $name in convert | golden-convert | kill | full-disk) continue ;; esac
  counted "$name" "$work/$name.txt" node --test --test-reporter=tap "$file"
  sed -nE 's/^ *# ([0-9]+ reads|docker-registry:|referrers registry:|ended )(.*)/>> \1\2/p' "$work/$name.txt"
done
counted registry-peers "$work/registry-peers.txt" node system-tests/registry-peers.mjs
finish
