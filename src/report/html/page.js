"use strict";
(function () {
  var each = function (list, todo) { Array.prototype.forEach.call(list, todo); };
  each(document.querySelectorAll("[data-copy]"), function (button) {
    var text = document.getElementById(button.getAttribute("data-copy"));
    var said = button.textContent;
    button.hidden = false;
    button.addEventListener("click", function () {
      var done = function () {
        button.textContent = "Copied";
        setTimeout(function () { button.textContent = said; }, 2000);
      };
      var select = function () {
        var range = document.createRange();
        range.selectNodeContents(text);
        var selection = getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        if (document.execCommand("copy")) { done(); }
      };
      if (navigator.clipboard) { navigator.clipboard.writeText(text.textContent).then(done, select); } else { select(); }
    });
  });
  var table = document.getElementById("rows");
  if (!table) { return; }
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var order = new Intl.Collator("en", { numeric: true }).compare;
  each(table.tHead.rows[0].cells, function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      each(table.tHead.rows[0].cells, function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var keyed = rows.map(function (row) { return { row: row, key: row.cells[column].textContent }; });
      keyed.sort(function (a, b) { return order(a.key, b.key) * (down ? -1 : 1); });
      rows = keyed.map(function (one) { return one.row; });
      body.append.apply(body, rows);
      show();
    });
  });
  var search = document.getElementById("search");
  var count = document.getElementById("count");
  document.getElementById("searchbox").hidden = false;
  // A browser takes seconds to lay out thousands of rows anew: more are on paper, and where scripts are off.
  var most = 500;
  var show = function () {
    var words = search.value.toLowerCase().split(/\s+/);
    var found = 0;
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      var fits = words.every(function (word) { return text.indexOf(word) >= 0; });
      found += fits ? 1 : 0;
      row.hidden = !fits || found > most;
    });
    count.textContent = found > most ? "the first " + most + " of " + found + " found" : found + " of " + rows.length + " shown";
  };
  search.addEventListener("input", show);
  addEventListener("beforeprint", function () { most = Infinity; show(); });
  addEventListener("afterprint", function () { most = 500; show(); });
  // A link leads to its row wherever that is.
  var follow = function () {
    var row = document.getElementById(location.hash.slice(1));
    if (row && row.hidden) {
      row.hidden = false;
      row.scrollIntoView();
    }
  };
  addEventListener("hashchange", follow);
  show();
  follow();
}());
