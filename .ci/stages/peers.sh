. .ci/lib.sh
# What the system tests talk to and nobody here wrote.
install_debian docker-registry skopeo umoci mmdebstrap openssl curl zlib1g-dev

mkdir -p "$go_bin"
install_go() {
  local name=$1 module=$2
  if [ -x "$go_bin/$name" ] && [ "$(cat "$go_bin/$name.version" 2>/dev/null)" = "$module" ]; then return; fi
  GOBIN=$go_bin go install "$module"
  echo "$module" >"$go_bin/$name.version"
}
install_go crane github.com/google/go-containerregistry/cmd/crane@v0.22.1
install_go oras oras.land/oras/cmd/oras@v1.3.6
install_go conformance github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111
install_go regctl github.com/regclient/regclient/cmd/regctl@v0.11.7
# containerd as users have it: Debian's is 1.6.
install_go containerd github.com/containerd/containerd/v2/cmd/containerd@v2.4.2
install_go ctr github.com/containerd/containerd/v2/cmd/ctr@v2.4.2
# The reference's command. It cannot be installed by name: its module has replacements.
(cd differential/reference-cli && CGO_ENABLED=1 go build -o "$go_bin/soci" github.com/awslabs/soci-snapshotter/cmd/soci)
(cd system-tests/referrers-registry && go build -o "$go_bin/referrers-registry" .)

check docker-registry docker-registry --version
check skopeo skopeo --version
check umoci umoci --version
check crane "$go_bin/crane" version
check oras "$go_bin/oras" version
check regctl "$go_bin/regctl" version
check containerd "$go_bin/containerd" --version
check ctr "$go_bin/ctr" --version
check soci "$go_bin/soci" --help
check conformance test -x "$go_bin/conformance"
check referrers-registry test -x "$go_bin/referrers-registry"

# The image of the system tests, kept between runs for as long as its recipe is the same.
image=$home/rabbitmq-image
recipe=$(cat system-tests/debian-image.sh system-tests/make-rabbitmq-image.sh | sha256sum)
if [ "$(cat "$image.recipe" 2>/dev/null)" != "$recipe" ]; then
  system-tests/make-rabbitmq-image.sh "$image"
  echo "$recipe" >"$image.recipe"
fi
check image test -f "$image/index.json"
finish
