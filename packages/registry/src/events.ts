import type { Digest, ProgressEvent } from "@socikit/oci";

/** What a registry client did. URLs come without query and user info. */
export type RegistryEvent = ProgressEvent &
  (
    | { readonly type: "request"; readonly method: string; readonly url: string }
    | { readonly type: "response"; readonly method: string; readonly url: string; readonly status: number }
    | { readonly type: "redirect"; readonly from: string; readonly to: string }
    /** The same request is sent again after `delayMs`, because of `reason`: for the `attempt`th time of `attempts` at most. */
    | {
        readonly type: "retry";
        readonly method: string;
        readonly url: string;
        readonly delayMs: number;
        readonly reason: string;
        readonly attempt: number;
        readonly attempts: number;
      }
    /**
     * Referrers of `subject` have been listed: `count` of them, by the API, or from the fallback tag those that it has beyond the
     * API's.
     */
    | {
        readonly type: "referrers";
        readonly subject: Digest;
        readonly via: "api" | "tag";
        readonly count: number;
      }
    /** A challenge named a token server that the credentials are not sent to; an anonymous token is asked for. */
    | { readonly type: "credentials-withheld"; readonly registry: string; readonly realm: string }
  );
