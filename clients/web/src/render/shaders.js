/** The programs that run on the graphics card. Colours are multiplied by their alpha throughout. */

/** Moves a vertex as the landmarks that pull it and the head move. Places are pixels. */
export const MESH_VERTEX = `#version 300 es
precision highp float;
precision highp int;

uniform highp sampler2D shift;  // displacement of each landmark, one row
uniform vec3 turnX, turnY;      // rows of scale * rotation
uniform vec2 slide;             // the head's shift
uniform vec2 origin;            // share of the picture
uniform float unit;             // share of the picture

layout(location = 0) in vec3 rest;
layout(location = 1) in vec2 uv;
layout(location = 2) in float follow;
layout(location = 3) in uvec4 pullIndex;
layout(location = 4) in vec4 pullWeight;

out vec2 texture_place;

void main() {
  vec3 place = rest;
  for (int n = 0; n < 4; n++) {
    place += pullWeight[n] * texelFetch(shift, ivec2(pullIndex[n], 0), 0).xyz;
  }
  vec2 moved = vec2(dot(turnX, place), dot(turnY, place)) + slide;
  vec2 share = origin + unit * mix(place.xy, moved, follow);
  gl_Position = vec4(2.0 * share.x - 1.0, 1.0 - 2.0 * share.y, 0.0, 1.0);
  texture_place = uv;
}`;

export const MESH_FRAGMENT = `#version 300 es
precision highp float;

uniform sampler2D picture;
in vec2 texture_place;
out vec4 colour;

void main() {
  colour = texture(picture, texture_place);
}`;

/** One triangle over everything. */
export const WHOLE_VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4(4.0 * corner - 1.0, 0.0, 1.0);
}`;

/**
 * Another size of a picture, with the filters of Pillow that the server uses: boxes to shrink,
 * cubics to enlarge. Alpha, which is not multiplied into the source, is multiplied in.
 */
export const RESAMPLE_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;

uniform highp sampler2D source;
uniform vec2 ratio;      // texels of the source in one of the target
uniform bool enlarge;
out vec4 colour;

float cubic(float x) {
  x = abs(x);
  if (x < 1.0) return (1.5 * x - 2.5) * x * x + 1.0;
  return x < 2.0 ? ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 : 0.0;
}

void main() {
  ivec2 size = textureSize(source, 0);
  vec2 centre = gl_FragCoord.xy * ratio;
  vec2 reach = enlarge ? vec2(2.0) : 0.5 * ratio;
  ivec2 first = max(ivec2(centre - reach + 0.5), ivec2(0));
  ivec2 end = min(ivec2(centre + reach + 0.5), size);
  vec4 sum = vec4(0.0);
  float total = 0.0;
  for (int y = first.y; y < end.y; y++) {
    float row = enlarge ? cubic(float(y) + 0.5 - centre.y) : 1.0;
    for (int x = first.x; x < end.x; x++) {
      float weight = enlarge ? row * cubic(float(x) + 0.5 - centre.x) : row;
      vec4 texel = texelFetch(source, ivec2(x, y), 0);
      sum += weight * vec4(texel.rgb * texel.a, texel.a);
      total += weight;
    }
  }
  colour = clamp(sum / total, 0.0, 1.0);
  colour.rgb = min(colour.rgb, colour.a);
}`;

/** A small picture as it is, from its top row on. */
export const BADGE_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;

uniform highp sampler2D badge;
uniform ivec2 corner;    // of the picture's place in the canvas: left, bottom
out vec4 colour;

void main() {
  ivec2 place = ivec2(gl_FragCoord.xy) - corner;
  colour = texelFetch(badge, ivec2(place.x, textureSize(badge, 0).y - 1 - place.y), 0);
}`;
