
(function () {
  "use strict";
  var value = function (row, column, numeric) {
    var cell = row.cells[column];
    if (!numeric) { return cell.textContent.trim().toLowerCase(); }
    var number = parseFloat(cell.getAttribute("data-v"));
    return isNaN(number) ? -Infinity : number;
  };
  var sort = function (table, heading) {
    var column = heading.cellIndex;
    var numeric = heading.classList.contains("n");
    var was = heading.getAttribute("aria-sort");
    var rising = was ? was === "descending" : !numeric || column === 0;
    var body = table.tBodies[0];
    Array.from(body.rows)
      .map(function (row, place) { return [value(row, column, numeric), place, row]; })
      .sort(function (one, two) {
        var order = numeric ? one[0] - two[0] || 0 : one[0].localeCompare(two[0], undefined, { numeric: true });
        return (rising ? order : -order) || one[1] - two[1];
      })
      .forEach(function (entry) { body.appendChild(entry[2]); });
    table.querySelectorAll("thead th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
  };
  document.querySelectorAll("table[data-sortable]").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (heading) {
      var label = heading.querySelector("span");
      var button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      label.replaceWith(button);
      button.appendChild(label);
      button.addEventListener("click", function () { sort(table, heading); });
    });
  });
  document.querySelectorAll("input[data-table]").forEach(function (input) {
    var table = document.getElementById(input.dataset.table);
    var found = document.querySelector('[data-found="' + input.dataset.table + '"]');
    var rows = Array.from(table.tBodies[0].rows);
    var texts = rows.map(function (row) { return row.textContent.toLowerCase(); });
    input.closest(".tools").hidden = false;
    input.addEventListener("input", function () {
      var wanted = input.value.trim().toLowerCase();
      var shown = 0;
      rows.forEach(function (row, place) {
        row.hidden = texts[place].indexOf(wanted) < 0;
        shown += row.hidden ? 0 : 1;
      });
      found.textContent = wanted ? shown + " of " + rows.length + " shown" : "";
    });
  });
})();
