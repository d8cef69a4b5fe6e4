/** On the descriptor of a zTOC or prefetch artifact: digest of the layer it is about. */
export const SOCI_LAYER_DIGEST = "com.amazon.soci.image-layer-digest";
/** On the descriptor of a zTOC: media type of the layer. */
export const SOCI_LAYER_MEDIA_TYPE = "com.amazon.soci.image-layer-mediaType";
/** On the descriptor of a zTOC: uncompressed bytes a span, in decimal. Indexes from before v0.12 of the reference lack it. */
export const SOCI_SPAN_SIZE = "com.amazon.soci.span-size";
/** On the descriptor of a zTOC: `true` where no entry has extended attributes and none marks an opaque directory. */
export const SOCI_DISABLE_XATTRS = "com.amazon.soci.disable-xattrs";
/** On a SOCI index: what built it. */
export const SOCI_BUILD_TOOL = "com.amazon.soci.build-tool-identifier";
/** On the descriptor of a v2 index in an image index: the manifest that the index is of. */
export const SOCI_MANIFEST_DIGEST = "com.amazon.soci.image-manifest-digest";
/** On an image manifest, and on its descriptor in an image index: its v2 index. */
export const SOCI_INDEX_DIGEST = "com.amazon.soci.index-digest";
