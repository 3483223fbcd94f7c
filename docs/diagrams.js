// Draws the diagrams of a page, which mdBook leaves as code. GitHub draws them by itself. Only pages that have any load Mermaid,
// which scripts/build-docs lays beside this file.
(() => {
    const blocks = document.querySelectorAll("pre > code.language-mermaid");
    if (blocks.length === 0) return;
    const own = document.currentScript.src;
    const script = document.createElement("script");
    script.src = new URL("mermaid.js", own);
    script.onload = () => {
        for (const code of blocks) {
            const diagram = document.createElement("pre");
            diagram.className = "mermaid";
            diagram.textContent = code.textContent;
            code.parentElement.replaceWith(diagram);
        }
        const dark = ["ayu", "coal", "navy"].some((theme) => document.documentElement.classList.contains(theme));
        mermaid.initialize({ startOnLoad: false, theme: dark ? "dark" : "default" });
        mermaid.run();
    };
    document.head.append(script);
})();
