// Before anything is painted: the theme chosen earlier, and the viewer's zone for the server.
"use strict";
(() => {
  const chosen = localStorage.getItem("fieldcal-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (zone) document.cookie = `fieldcal-zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
})();
