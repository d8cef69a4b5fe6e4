import type { Descriptor, Digest, ProgressEvent } from "@socikit/oci";

/** What a registry client did. URLs come without query and user info. */
export type RegistryEvent = ProgressEvent &
  (
    | { readonly type: "request"; readonly method: string; readonly url: string }
    | { readonly type: "response"; readonly method: string; readonly url: string; readonly status: number }
    | { readonly type: "redirect"; readonly from: string; readonly to: string }
    /** The same request is sent again after `delayMs`, because of `reason`. */
    | {
        readonly type: "retry";
        readonly method: string;
        readonly url: string;
        readonly delayMs: number;
        readonly reason: string;
      }
    /** A challenge named a token server that the credentials are not sent to; an anonymous token is asked for. */
    | { readonly type: "credentials-withheld"; readonly registry: string; readonly realm: string }
  );

/** What {@linkcode copyImage} did. */
export type CopyEvent = ProgressEvent &
  (
    | { readonly type: "blob-started"; readonly digest: Digest; readonly size: number }
    /** `bytes` of the blob are there so far. */
    | { readonly type: "blob-progress"; readonly digest: Digest; readonly size: number; readonly bytes: number }
    | { readonly type: "blob-copied"; readonly digest: Digest; readonly size: number }
    /** The blob was not sent: it was there, could be mounted, or is a layer that registries do not hold. */
    | {
        readonly type: "blob-skipped";
        readonly digest: Digest;
        readonly size: number;
        readonly reason: "present" | "mounted" | "foreign";
      }
    | { readonly type: "manifest-copied"; readonly descriptor: Descriptor }
    | { readonly type: "tagged"; readonly tag: string; readonly descriptor: Descriptor }
  );
