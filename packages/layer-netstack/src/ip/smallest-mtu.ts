/** Less than this no path has (RFC 1122 §3.3.3, RFC 8200 §5): who says so wants us to send crumbs. */
export function smallestMtu(version: 4 | 6): number {
  return version === 4 ? 576 : 1280
}
