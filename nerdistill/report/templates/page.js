"use strict";
// The error browser. What comes from a corpus is only ever set as text.
(() => {
  const data = document.getElementById("data");
  if (!data) return;
  const { page, first, seen, rows, sentences } = JSON.parse(data.textContent);
  const by = (id) => document.getElementById(id);
  const filters = { group: by("by-group"), type: by("by-type"), kind: by("by-kind"), seen: by("by-seen") };
  const words = (text) => text.replaceAll("_", " ");
  const named = { group: (text) => text, type: (text) => text, kind: words, seen: (text) => (text === "unseen" ? "never" : seen[text] || text) };
  const number = (value) => value.toLocaleString("en");
  let at = 0;

  const element = (tag, css, ...inside) => {
    const made = document.createElement(tag);
    if (css) made.className = css;
    for (const part of inside) made.append(typeof part === "string" ? document.createTextNode(part) : part);
    return made;
  };

  const option = (value, text) => {
    const made = element("option", "", text);
    made.value = value;
    return made;
  };

  const said = (who, css, { tokens, joiner }, spans, about) => {
    const line = element("p", "said", element("span", "who", who), " ");
    line.dir = "auto";
    let done = 0;
    const add = (part) => {
      if (done) line.append(joiner);
      line.append(part);
    };
    const ordered = [...spans].sort((one, other) => one[0] - other[0]);
    for (const [start, end, label] of [...ordered, [tokens.length, tokens.length, ""]]) {
      if (done < start) {
        add(tokens.slice(done, start).join(joiner));
        done = start;
      }
      if (start < end) {
        const focus = start < about[1] && about[0] < end;
        const text = tokens.slice(start, end).join(joiner);
        add(element("mark", focus ? `${css} focus` : css, text, element("b", "", label)));
        done = end;
      }
    }
    return line;
  };

  const shown = (row) => {
    const sentence = sentences[row.sentence];
    const became = row.expected === row.found ? ", with other edges" : ` → ${row.found ?? "no entity"}`;
    const found = `${row.text}: ${row.expected ?? "no entity"}${became}`;
    const where = `${row.group} · seed ${row.seed} · seen in training: ${named.seen(row.seen)}`;
    return element(
      "li",
      "",
      element("p", "about", element("strong", "", words(row.kind)), " ", found, element("small", "", where)),
      said("people", "gold", sentence, sentence.gold, row.span),
      said("model", "predicted", sentence, row.predicted, row.span),
    );
  };

  const texts = sentences.map(({ tokens, joiner }) => tokens.join(joiner).toLowerCase());

  const show = () => {
    const text = by("by-text").value.trim().toLowerCase();
    const chosen = rows.filter(
      (row) =>
        Object.entries(filters).every(([name, select]) => !select.value || select.value === `=${row[name]}`) &&
        texts[row.sentence].includes(text),
    );
    const pages = Math.max(1, Math.ceil(chosen.length / page));
    at = Math.min(at, pages - 1);
    const list = by("examples");
    list.replaceChildren(...chosen.slice(at * page, (at + 1) * page).map(shown));
    list.start = at * page + 1;
    by("count").textContent = `${number(chosen.length)} of ${number(rows.length)} examples`;
    by("where").textContent = `page ${at + 1} of ${pages}`;
    by("before").disabled = at === 0;
    by("after").disabled = at === pages - 1;
    by("pages").hidden = pages === 1;
  };

  for (const [name, select] of Object.entries(filters)) {
    const values = [...new Set(rows.map((row) => row[name]))];
    if (name !== "group") values.sort();
    // The sign keeps a value that is empty apart from "all".
    select.append(option("", "all"), ...values.map((value) => option(`=${value}`, named[name](String(value)))));
  }
  if (first !== null) filters.group.value = `=${first}`;
  const anew = () => {
    at = 0;
    show();
  };
  for (const select of Object.values(filters)) select.addEventListener("change", anew);
  by("by-text").addEventListener("input", anew);
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  const turn = (pages) => () => {
    at += pages;
    show();
    by("browser").scrollIntoView();
  };
  by("before").addEventListener("click", turn(-1));
  by("after").addEventListener("click", turn(1));
  by("filters").hidden = false;
  show();
})();
