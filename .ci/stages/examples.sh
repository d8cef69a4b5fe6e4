. .ci/lib.sh
# Each example as its first lines say, without arguments. The one for Deno runs with Deno's checks.
for file in examples/*.mjs; do
  if [[ $(basename "$file") != sample-* ]]; then check "$(basename "$file")" node "$file"; fi
done
finish
