"use strict";
/* Elements of the page. Text is only ever set as text: nothing that a model, a caller or a file says is read as HTML. */
const make = (tag, parent, text, attributes = {}) => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
};

/* A row of radio buttons that looks like tabs: arrow keys work as everywhere. */
const choiceRow = (parent, name, title, names) => {
  const group = make("fieldset", parent);
  make("legend", group, title, {class: "hidden"});
  const row = make("div", group, "", {class: "ways"});
  const inputs = names.map((each, index) => {
    const label = make("label", row);
    const input = make("input", label, "", {type: "radio", name, value: each});
    input.checked = index === 0;
    label.append(each);
    return input;
  });
  const tabs = {
    value: () => inputs.find(each => each.checked).value,
    choose: value => { const found = inputs.find(each => each.value === value); if (found) found.checked = true; },
    onchange: () => {},
  };
  group.onchange = event => { event.stopPropagation(); tabs.onchange(); };
  return tabs;
};

const copyButton = (parent, read, selectable) => {
  const button = make("button", parent, "Copy", {type: "button", class: "quiet"});
  const said = make("span", parent, "", {role: "status", class: "meta"});
  button.onclick = () => navigator.clipboard.writeText(read()).then(
    () => { said.textContent = "copied"; setTimeout(() => { said.textContent = ""; }, 2000); },
    () => { getSelection().selectAllChildren(selectable()); said.textContent = "selected: press Ctrl+C"; });
  return button;
};
