/** ICE servers in the `Link` headers of a WHEP answer, and candidates for its PATCH. */

/**
 * @param {string | null} header All `Link` headers, joined by commas as browsers give them.
 * @returns {RTCIceServer[]}
 */
export function parseIceServers(header) {
  const servers = [];
  // A link is <url> and its parameters up to the next comma outside of quotes.
  for (const [, url, rest] of (header ?? "").matchAll(/<([^>]*)>((?:[^,"]|"(?:\\.|[^"\\])*")*)/g)) {
    /** @type {Record<string, string>} */
    const parameters = {};
    for (const [, name, quoted, plain] of rest.matchAll(
      /;\s*([\w-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s;,"]+))/g,
    )) {
      parameters[name.toLowerCase()] = plain ?? quoted.replace(/\\(.)/g, "$1");
    }
    if (parameters.rel !== "ice-server") continue;
    const { username, credential } = parameters;
    servers.push(credential ? { urls: url, username, credential } : { urls: url });
  }
  return servers;
}

/**
 * An SDP fragment (RFC 8840) with candidates that were found after the offer.
 *
 * @param {string} sdp The offer, as it was sent.
 * @param {RTCIceCandidate[]} candidates
 * @param {boolean} complete Whether these are the last.
 * @returns {string}
 */
export function fragment(sdp, candidates, complete) {
  const find = (/** @type {RegExp} */ line) => sdp.match(line)?.[0] ?? "";
  // Everything is bundled: the first section's transport is the only one.
  const lines = [
    find(/^a=ice-ufrag:.*$/m),
    find(/^a=ice-pwd:.*$/m),
    find(/^m=.*$/m),
    find(/^a=mid:.*$/m),
    ...candidates.map(({ candidate }) => `a=${candidate}`),
  ];
  if (complete) lines.push("a=end-of-candidates");
  return lines.map((line) => line.trim()).filter(Boolean).join("\r\n") + "\r\n";
}
