/** Shapes that several modules share. */

/** @typedef {"new" | "connecting" | "connected" | "reconnecting" | "failed" | "closed"} Connection */

/** @typedef {"video" | "motion" | "audio"} Media */

/** @typedef {"idle" | "listening" | "thinking" | "speaking"} State */

/**
 * @typedef {object} ServerEvent One event as the server sends it; `type` says which.
 * @property {string} type
 * @property {string} [response_id]
 * @property {string} [event_id]
 * @property {string} [item_id]
 * @property {string} [delta]
 * @property {string} [phoneme]
 * @property {number} [start_ms]
 * @property {number} [end_ms]
 * @property {State} [state]
 * @property {"completed" | "cancelled" | "failed"} [status]
 * @property {string} [spoken_text]
 * @property {string} [unspoken_text]
 * @property {number} [audio_end_ms]
 * @property {string} [code]
 * @property {string} [message]
 * @property {string} [param]
 * @property {string} [reason]
 * @property {number} [seconds]
 * @property {number} [max_text]
 * @property {string} [session_id]
 * @property {string} [resume_token]
 * @property {boolean} [resumed]
 * @property {string} [voice]
 * @property {string} [portrait]
 * @property {number} [speed]
 * @property {string[]} [voices]
 * @property {string[]} [portraits]
 * @property {string[]} [scopes]
 * @property {Media | "webrtc"} [media]
 * @property {boolean} [badge] Whoever draws the face marks it as made by a machine.
 */

/**
 * @typedef {object} Said What became of a `say`.
 * @property {string} id
 * @property {"completed" | "cancelled" | "failed"} status
 * @property {string} spokenText The words that were heard to their end.
 * @property {string} unspokenText The rest.
 * @property {number | null} audioEndMs Where the sound ended, from its beginning.
 */

/**
 * @typedef {object} Interruption What was broken off by `interrupt`.
 * @property {string} responseId
 * @property {"completed" | "cancelled" | "failed"} status
 * @property {string} spokenText
 * @property {string} unspokenText
 * @property {number | null} audioEndMs
 */

/**
 * @typedef {object} Stats
 * @property {"webrtc" | "websocket"} transport
 * @property {Media} media
 * @property {number} bytesReceived Sound and pictures, since the connection began.
 * @property {number} framesDecoded
 * @property {number} framesPerSecond
 * @property {number} audioEnergy Grows while there is sound.
 * @property {number} audioLevel 0…1, now.
 * @property {number | null} roundTripMs
 * @property {number | null} syncMs Sound minus picture; perceptible above +45 or below −100.
 * @property {number | null} bufferMs Sound that waits here to be heard.
 * @property {number} underruns How often sound was due and had not come.
 */

/**
 * @typedef {object} Grant What `getToken` may resolve to instead of a string: the answer of
 *   `POST /v1/sessions` as it is.
 * @property {string | null} token
 * @property {RTCIceServer[]} [ice_servers]
 */

/**
 * @typedef {object} Options
 * @property {string} [url] The server's address. Default: the site of the page.
 * @property {string} [token] A short-lived token, for servers that want one.
 * @property {() => Promise<string | null | Grant>} [getToken] Asked before each connection; the
 *   answer of the server's `POST /v1/sessions` will do, and brings ICE servers with it.
 * @property {RTCIceServer[]} [iceServers] STUN and TURN servers beside those the server tells of.
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay": WebRTC goes through a TURN server
 *   only, so that neither side learns the other's address. Default: "all".
 * @property {string} [portrait] Name of the portrait; default: the server's.
 * @property {string} [voice] Name of the voice; default: the server's.
 * @property {"auto" | "webrtc" | "websocket"} [transport] Default: "auto", which is WebRTC where
 *   the network lets it through.
 * @property {Media} [media] What comes: pictures (default), motion that is drawn here, or sound
 *   only. The latter two come over a WebSocket.
 * @property {HTMLCanvasElement | null} [canvas] Where `media: "motion"` draws; null: nothing is drawn
 *   here. By default the pictures are part of the stream, which costs a copy of each.
 * @property {boolean} [reconnect] Come back after a loss. Default: true.
 */

/**
 * @typedef {object} Place Where and how to connect.
 * @property {URL} base The server's address; ends in a slash.
 * @property {string | null} token
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {string} portrait
 * @property {string} voice
 * @property {Media} media
 * @property {HTMLCanvasElement | null | undefined} canvas
 */

/**
 * @typedef {object} Listener What a transport tells.
 * @property {(event: ServerEvent) => void} event
 * @property {() => void} tracks There are other tracks now.
 * @property {(away: boolean) => void} away The connection is lost and may come back, or is back.
 * @property {(error: JamflowError) => void} lost A connection that stood has ended.
 */

/**
 * @typedef {object} Transport One connection. `open` once; after `close`, nothing is told.
 * @property {"webrtc" | "websocket"} name
 * @property {() => Promise<ServerEvent>} open Resolves with the server's `session.created`.
 * @property {Media} media
 * @property {MediaStreamTrack[]} tracks
 * @property {(event: object) => void} send
 * @property {(samples: Int16Array, purpose: Purpose) => void} sendAudio Mono, 24 kHz.
 * @property {(silent: boolean) => void} hush Be silent at once, or no longer.
 * @property {() => void} wake There was a gesture: sound may start.
 * @property {() => Promise<Stats>} stats
 * @property {() => void} close
 */

/** @typedef {"drive" | "hear"} Purpose */

/** @typedef {import("./errors.js").JamflowError} JamflowError */

export {};
