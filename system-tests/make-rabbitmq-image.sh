#!/usr/bin/env bash
# Makes a real image of the size people pull: Debian, Erlang, RabbitMQ, and a layer that only edits and deletes. 129 MB of gzip in four
# layers, 18,000 entries, about a minute. Needs root (chroot), mmdebstrap and umoci. umoci writes no top-level mediaType, and a last
# layer without end-of-archive blocks: both are legal and found in the wild.
# Usage: make-rabbitmq-image.sh LAYOUT   (an OCI layout directory, made; its tag is "rabbitmq")
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
  umoci unpack --image "$layout:rabbitmq" "$bundle"
  "$@"
  umoci repack --image "$layout:rabbitmq" "$bundle"
  rm -rf "$bundle"
}

edit_and_delete() {
  rm -rf "$rootfs/usr/share/doc/rabbitmq-server" "$rootfs/usr/share/lintian"
  echo 'loopback_users = none' >"$rootfs/etc/rabbitmq/rabbitmq.conf"
  ln -sf ../usr/sbin/rabbitmqctl "$rootfs/usr/local/bin/ctl"
}

rm -rf "$layout"
mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Retries "3"' bookworm "$work/base.tar"
umoci init --layout "$layout"
umoci new --image "$layout:rabbitmq"
umoci raw add-layer --image "$layout:rabbitmq" "$work/base.tar"
add_layer install_packages erlang-nox
add_layer install_packages rabbitmq-server gosu openssl procps
add_layer edit_and_delete
umoci config --image "$layout:rabbitmq" --config.cmd rabbitmq-server
umoci gc --layout "$layout"
