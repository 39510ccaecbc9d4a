/** How `<jamflow-avatar>` looks. */

// A constructed sheet needs no inline style, which a strict Content-Security-Policy forbids.
export const style = new CSSStyleSheet();
style.replaceSync(`
:host {
  --jamflow-accent: #e2583e;
  display: block;
  position: relative;
  aspect-ratio: 1;
  overflow: hidden;
  border-radius: 20px;
  background: #e4ded8;
  font: 16px/1.5 system-ui, sans-serif;
  isolation: isolate;
}
:host([hidden]), [hidden] { display: none !important; }
video { display: block; width: 100%; height: 100%; object-fit: cover; }
button {
  min-width: 44px;
  min-height: 44px;
  padding: 0 18px;
  border: 0;
  border-radius: 999px;
  background: rgb(20 16 14 / 72%);
  color: #fff;
  font: inherit;
  font-size: 15px;
  cursor: pointer;
}
button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px var(--jamflow-accent); }
.cover {
  position: absolute;
  inset: 0;
  display: grid;
  place-content: center;
  justify-items: center;
  gap: 14px;
  padding: 24px;
  background: inherit;
  color: #1d1a18;
  text-align: center;
}
.cover p { margin: 0; max-width: 24rem; text-wrap: balance; }
.tools { position: absolute; top: 12px; right: 12px; display: flex; gap: 8px; }
.captions {
  position: absolute;
  inset: auto 12% 16px;
  margin: 0;
  text-align: center;
  text-wrap: balance;
  line-height: 1.75;
  pointer-events: none;
}
.captions span {
  padding: 0.2em 0.65em;
  border-radius: 0.45em;
  background: rgb(20 16 14 / 76%);
  color: #fff;
  box-decoration-break: clone;
  -webkit-box-decoration-break: clone;
}
.captions span:empty { display: none; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`);
