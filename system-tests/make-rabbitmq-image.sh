#!/usr/bin/env bash
# Makes a real image of the size people pull: Debian, Erlang, RabbitMQ, and a layer that only edits and deletes. 129 MB of gzip in four
# layers, 18,000 entries, about a minute. umoci writes no top-level mediaType, and a last layer without end-of-archive blocks: both are
# legal and found in the wild.
# Usage: make-rabbitmq-image.sh LAYOUT   (an OCI layout directory, made; its tag is "rabbitmq")
tag=rabbitmq
. "$(dirname "$0")/debian-image.sh"

edit_and_delete() {
  rm -rf "$rootfs/usr/share/doc/rabbitmq-server" "$rootfs/usr/share/lintian"
  echo 'loopback_users = none' >"$rootfs/etc/rabbitmq/rabbitmq.conf"
  ln -sf ../usr/sbin/rabbitmqctl "$rootfs/usr/local/bin/ctl"
}

make_base
add_layer install_packages erlang-nox
add_layer install_packages rabbitmq-server gosu openssl procps
add_layer edit_and_delete
umoci config --image "$layout:$tag" --config.cmd rabbitmq-server
umoci gc --layout "$layout"
