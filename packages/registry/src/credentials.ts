/** What proves to a registry who is asking. */
export type Credentials =
  /** User and password, or user and access token. */
  | { readonly username: string; readonly password: string }
  /** A refresh token (`identitytoken` of docker's config): exchanged for access tokens at the realm. */
  | { readonly identityToken: string }
  /** An access token for the registry itself (`registrytoken`): sent as it is. */
  | { readonly registryToken: string };

/**
 * Finds the credentials for a repository; `undefined` means anonymous. Asked when a registry challenges, once per
 * opened repository.
 *
 * @param registryHost The registry as the reference has it: `docker.io`, `ghcr.io`, `127.0.0.1:5000`.
 */
export interface CredentialProvider {
  (registryHost: string, repository: string): Promise<Credentials | undefined>;
  /** The credential helper that is configured for a registry and is not run, where there is one: for messages. */
  readonly helperFor?: (registryHost: string) => Promise<string | undefined>;
}
