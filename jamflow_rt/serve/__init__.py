"""From a session to the people watching: HTTP, WebRTC, and the demo page."""
