// Before the first paint, so that nobody who chose dark sees white.
(() => {
  try {
    const theme = localStorage.getItem("modelway-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* a browser without storage follows the system */ }
})();
