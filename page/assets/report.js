"use strict";
(() => {
  const tools = document.getElementById("tools");
  if (!tools) return;
  tools.hidden = false;
  const campaigns = [...document.querySelectorAll(".campaign")];
  const texts = campaigns.map((c) => c.querySelector("summary").textContent.toLowerCase());
  const record = document.querySelector("details.group");
  const shown = document.getElementById("shown");
  const filter = document.getElementById("filter");
  const setAll = (open) => campaigns.forEach((c) => { if (!c.hidden) c.open = open; });
  const apply = () => {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    campaigns.forEach((c, i) => {
      c.hidden = wanted !== "" && !texts[i].includes(wanted);
      if (!c.hidden) count += 1;
    });
    if (record && wanted !== "") record.open = true;
    shown.textContent = wanted === "" ? "" : count + " of " + campaigns.length + " campaigns";
  };
  filter.addEventListener("input", apply);
  document.getElementById("open").addEventListener("click", () => setAll(true));
  document.getElementById("close").addEventListener("click", () => setAll(false));
  const target = () => {
    const named = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let e = named; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    if (named) named.scrollIntoView();
  };
  addEventListener("hashchange", target);
  target();
})();
