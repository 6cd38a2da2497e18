#!/bin/sh
# Packs the example's image in each way that image-publish unpacks. The names say nothing on purpose.
set -eu
cd "$(dirname "$0")"
image=../../../../../examples/site/images/debian-12/debian-12.qcow2
gzip -9nc <$image >gz.img
xz -9c <$image >xz.img
zstd -19 -q -c <$image >zst.img
bzip2 -9c <$image >bz2.img
