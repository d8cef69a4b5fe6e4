import { isImageIndex, type Descriptor, type Digest } from "@socikit/oci";
import { sociIndexDigestOf } from "../soci-index.ts";
import type { FallbackList, IndexedImage, RepositorySurvey, SociArtifact } from "./repository-survey.ts";
import { RepositoryWalk, sociIndexOf, type Document, type SurveyOptions, type SurveyPorts } from "./repository-walk.ts";

/**
 * Lists every SOCI artifact of a repository that can be found, and the image that each belongs to. What is found: all that tags
 * lead to, by image indexes, annotations (v2), the referrers API and fallback tags (v1). Not: what no tag leads to, since
 * registries do not list their untagged manifests; `subjects` can name some.
 *
 * Reads one manifest a tag and one a child of an image index, and asks once for the referrers of each image.
 *
 * @throws {SociIndexError} `ERR_SOCI_REPOSITORY_TOO_LARGE` for more than 100,000 tags, 200,000 manifests, or five million
 * ways from the ones to the others.
 * @throws what the ports throw, of the network and of logins above all. What is damaged, or of a kind that is not known, is in
 * `unread`.
 */
export async function surveyRepository(ports: SurveyPorts, options: SurveyOptions = {}): Promise<RepositorySurvey> {
  const walk = new RepositoryWalk(ports, options);
  await walk.readTags();
  await walk.readChildren();
  await walk.findReferrers(options.subjects ?? []);
  return new SurveyReport(walk).survey();
}

/** What names a manifest. */
interface Names {
  readonly tags: ReadonlyMap<Digest, readonly string[]>;
  readonly lists: ReadonlyMap<Digest, readonly string[]>;
  readonly listed: ReadonlyMap<Digest, Descriptor>;
}

/** What is said of a repository that was read. */
class SurveyReport {
  readonly #walk: RepositoryWalk;
  readonly #names: Names;

  constructor(walk: RepositoryWalk) {
    this.#walk = walk;
    this.#names = this.#namesOf();
  }

  survey(): RepositorySurvey {
    const artifacts = new Map<Digest, SociArtifact>();
    const add = (artifact: SociArtifact): void => {
      const { digest } = artifact.descriptor;
      if (!artifacts.has(digest)) artifacts.set(digest, artifact);
    };
    // Subjects in the order of the tags that lead to them, then the others.
    const v2Images = this.#imagesByV2Index();
    for (const [subject] of this.#walk.subjects) {
      const document = this.#walk.documents.get(subject);
      const named = document && sociIndexDigestOf(document.manifest);
      if (named !== undefined) add(this.#v2Artifact(named, v2Images.get(named) ?? []));
      this.#addV1(subject, add);
    }
    for (const digest of [...this.#walk.children, ...this.#walk.tags.values()]) {
      const document = this.#walk.documents.get(digest);
      const index = document && sociIndexOf(document);
      if (index?.version === "v2") add(this.#v2Artifact(digest, []));
      else if (index?.subject !== undefined) {
        const image = this.#imageOf(index.subject.digest);
        add(this.#artifact(digest, "v1", image.exists ? "unlisted" : "orphaned", [image]));
      }
    }
    const lists = [...this.#walk.lists].map(([tag, document]) => this.#fallbackList(tag, document));
    return { artifacts: [...artifacts.values()], lists, tags: this.#walk.tags, unread: this.#walk.unread };
  }

  #addV1(subject: Digest, add: (artifact: SociArtifact) => void): void {
    const image = this.#imageOf(subject);
    let used: Digest | undefined;
    for (const { digest } of this.#walk.listed.get(subject) ?? []) {
      const document = this.#walk.documents.get(digest);
      const index = document && sociIndexOf(document);
      if (document === undefined && this.#walk.missing.has(digest))
        add(this.#artifact(digest, "v1", "missing", [image]));
      else if (index?.version !== "v1" || index.subject?.digest !== subject)
        add(this.#artifact(digest, "v1", "misplaced", [image]));
      else if (!image.exists) add(this.#artifact(digest, "v1", "orphaned", [image]));
      else if (used === undefined) {
        used = digest;
        add(this.#artifact(digest, "v1", "used", [image]));
      } else add({ ...this.#artifact(digest, "v1", "shadowed", [image]), shadowedBy: used });
    }
  }

  #v2Artifact(digest: Digest, images: readonly IndexedImage[]): SociArtifact {
    const isMissing = this.#walk.documents.get(digest) === undefined;
    return this.#artifact(digest, "v2", isMissing ? "missing" : images.length > 0 ? "used" : "unnamed", images);
  }

  #artifact(
    digest: Digest,
    version: "v1" | "v2",
    state: SociArtifact["state"],
    images: readonly IndexedImage[],
  ): SociArtifact {
    const document = this.#walk.documents.get(digest);
    const index = document && sociIndexOf(document);
    return {
      version: index?.version ?? version,
      descriptor: document?.descriptor ?? this.#names.listed.get(digest) ?? { mediaType: "", digest, size: 0 },
      state,
      images,
      tags: this.#names.tags.get(digest) ?? [],
      lists: this.#names.lists.get(digest) ?? [],
      inIndex: this.#walk.children.has(digest),
      blobBytes: (index?.blobs ?? []).reduce((sum, { size }) => sum + size, 0),
    };
  }

  /** By digest, so that many artifacts of many tags are no more than both together. */
  #namesOf(): Names {
    const tags = new Map<Digest, string[]>();
    for (const [tag, digest] of this.#walk.tags) append(tags, digest, tag);
    const lists = new Map<Digest, string[]>();
    for (const [tag, { manifest }] of this.#walk.lists)
      for (const { digest } of isImageIndex(manifest) ? manifest.manifests : []) append(lists, digest, tag);
    const listed = new Map([...this.#walk.listed.values()].flat().map((entry) => [entry.digest, entry] as const));
    return { tags, lists, listed };
  }

  #fallbackList(tag: string, document: Document): FallbackList {
    const { descriptor, manifest } = document;
    const subject = this.#walk.subjectOf(tag, document);
    return {
      tag,
      descriptor,
      ...(subject === undefined ? {} : { subject }),
      subjectExists: subject === undefined || this.#imageOf(subject).exists,
      entries: isImageIndex(manifest) ? manifest.manifests : [],
    };
  }

  #imagesByV2Index(): ReadonlyMap<Digest, readonly IndexedImage[]> {
    const images = new Map<Digest, IndexedImage[]>();
    for (const digest of this.#walk.subjects.keys()) {
      const document = this.#walk.documents.get(digest);
      const named = document && sociIndexDigestOf(document.manifest);
      if (named === undefined) continue;
      append(images, named, this.#imageOf(digest));
    }
    return images;
  }

  #imageOf(digest: Digest): IndexedImage {
    const known = this.#walk.subjects.get(digest);
    return {
      digest,
      exists: known?.exists ?? false,
      tags: [...(known?.tags ?? [])],
      ...(known?.platform === undefined ? {} : { platform: known.platform }),
    };
  }
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
