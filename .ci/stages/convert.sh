. .ci/lib.sh
# Converting and indexing a real image between registries and layouts of others, beside the reference's own command; killed at random moments; on
# a disk that is full. Needs to be root: mounts, containerd.
export PATH="$go_bin:$PATH"
export SOCIKIT_RABBITMQ_IMAGE=$home/rabbitmq-image
for name in golden-convert convert kill full-disk; do
  counted "$name" "$work/$name.txt" node --test --test-reporter=tap "system-tests/$name.test.mjs"
  sed -nE 's/^ *# ((converted|create|convert|containerd)[ ,].*)/>> \1/p' "$work/$name.txt"
done
finish
