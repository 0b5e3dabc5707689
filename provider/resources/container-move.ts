import { hasUnknown } from "../frame/unknown";

type Values = Record<string, unknown>;

/** What a plan says about a changed preferred host; null: it is none, or it is not known yet. */
export function moveNotice(olds: Values, news: Values): string | null {
  const { preferredHost } = news;
  if (hasUnknown(preferredHost) || typeof preferredHost !== "string") return null;
  if (olds.preferredHost === preferredHost) return null;
  return (
    `ProtectedContainer ${String(news.name)}: the changed preferredHost means a live migration to ${preferredHost}: ` +
    "its memory and its connections are kept"
  );
}
