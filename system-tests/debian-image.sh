# Sourced by the scripts that make images of Debian. $1 is the layout that is made, $tag the image's name in it. Needs root (chroot), mmdebstrap and
# umoci, which writes no top-level mediaType.
set -euo pipefail

layout=$(realpath -m "$1")
work=$(mktemp -d)
bundle=$work/bundle
rootfs=$bundle/rootfs

unmount() {
  for place in dev proc; do
    if mountpoint -q "$rootfs/$place"; then umount "$rootfs/$place"; fi
  done
}
finish() {
  unmount
  rm -rf "$work"
}
trap finish EXIT

# Makes the layout, with Debian's smallest system as the first layer.
make_base() {
  rm -rf "$layout"
  mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Retries "3"' bookworm "$work/base.tar"
  umoci init --layout "$layout"
  umoci new --image "$layout:$tag"
  umoci raw add-layer --image "$layout:$tag" "$work/base.tar"
}

# Installs packages in the unpacked image with the machine's own apt settings, which are taken out again.
install_packages() {
  cp -a "$rootfs/etc/apt" "$work/apt-of-image"
  cp -a /etc/apt/apt.conf.d/. "$rootfs/etc/apt/apt.conf.d/"
  if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null; then
    rm -f "$rootfs/etc/apt/sources.list"
    cp -a /etc/apt/sources.list.d/*.sources "$rootfs/etc/apt/sources.list.d/"
  fi
  cp /etc/resolv.conf "$rootfs/etc/resolv.conf"
  mount --bind /dev "$rootfs/dev"
  mount -t proc proc "$rootfs/proc"
  local apt=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$rootfs" apt-get -qq -o Acquire::Retries=3)
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "$@"
  "${apt[@]}" clean
  unmount
  rm -rf "$rootfs/etc/apt" "$rootfs"/var/lib/apt/lists/*
  mv "$work/apt-of-image" "$rootfs/etc/apt"
}

# Opens the image's newest state as a folder, runs the rest of the line in it, and adds what changed as a layer.
add_layer() {
  umoci unpack --image "$layout:$tag" "$bundle"
  "$@"
  umoci repack --image "$layout:$tag" "$bundle"
  rm -rf "$bundle"
}
