/** Errors with a code to act on. */

/**
 * What went wrong: `code` is one of the server's ("overloaded", "invalid_input", "not_authorized",
 * "session_expired", …), or "connection", "not_supported", "not_allowed" of this side.
 */
export class JamflowError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number | null} [retryAfter] Seconds after which trying again makes sense.
   */
  constructor(code, message, retryAfter = null) {
    super(message);
    this.name = "JamflowError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * An answer of the server that is no success, as an error.
 *
 * @param {Response} response
 * @returns {Promise<JamflowError>}
 */
export async function refusal(response) {
  const message = readable(await response.text()) || `The server answered ${response.status}.`;
  const codes = new Map([
    [400, "invalid_input"],
    [401, "not_authorized"],
    [403, "not_authorized"],
    [404, "not_found"],
    [405, "not_supported"],
    [409, "wrong_order"],
    [413, "message_too_long"],
    [415, "invalid_input"],
    [429, "rate_limited"],
    [501, "not_supported"],
    [503, "overloaded"],
  ]);
  const after = Number(response.headers.get("Retry-After")) || null;
  return new JamflowError(codes.get(response.status) ?? "failed", message, after);
}

/**
 * The message in an error's body: plain text, or JSON with a `message`.
 *
 * @param {string} body
 * @returns {string}
 */
function readable(body) {
  try {
    const content = JSON.parse(body);
    return String(content.message ?? content.error?.message ?? content.error ?? body);
  } catch {
    return body;
  }
}
