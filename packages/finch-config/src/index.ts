/**
 * Reads `finch.yaml` and makes `soci` its default snapshotter without touching another byte.
 *
 * @module
 */
export { FINCH_CONFIG_ERROR_CODES, FinchConfigError, type FilePosition, type FinchConfigErrorCode } from "./errors.ts";
export { defaultSnapshotter, parseFinchConfig, type FinchConfig } from "./finch-config.ts";
export { enableSoci } from "./enable-soci.ts";
