-- How a checked report is written in Typst, where pandoc's own writer knows no way or another one:
--   @fig-x, @tbl-x, @eq-x, @sec-x   references (any other @key is a citation)
--   ![caption](file){#fig-x}        a figure that floats near its text
--   tables                          numbered only with a caption; columns of numbers set to the right
--   # References                    the bibliography;   # Title {.appendix}   the first page of the appendix

local REFERENCE = { fig = true, tbl = true, eq = true, sec = true }
local LONG_TABLE = 24 -- rows; a longer one may break across pages
local function str(content) return (pandoc.utils.stringify(content):gsub("^\u{a0}$", "")) end -- pandas: &nbsp; for ""

local function block(text) return pandoc.RawBlock("typst", text) end
local function inline(text) return pandoc.RawInline("typst", text) end
local function quoted(text) return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%s+", " ") .. '"' end
local function is_reference(id) return REFERENCE[id:match("^(%a+)%-") or ""] end

-- citations and references ---------------------------------------------------------------------------------------

local function cite(c)
  local parts = pandoc.List()
  for i, one in ipairs(c.citations) do
    local reference = is_reference(one.id)
    if reference and i > 1 then parts:insert(inline(", ")) end
    parts:extend(one.prefix) -- pandoc's Typst writer would drop it
    if #one.prefix > 0 then parts:insert(pandoc.Space()) end
    if reference then
      parts:insert(inline("#ref(<" .. one.id .. ">)"))
      parts:extend(one.suffix)
    else
      one.prefix = {}
      parts:insert(pandoc.Cite({}, { one }))
    end
  end
  return parts, false
end

-- maths ----------------------------------------------------------------------------------------------------------

local function maths(m, settings, label)
  local text = m.text
  local _, opened = text:gsub("\\[Bb]igg?l%f[%A]", "")
  local _, closed = text:gsub("\\[Bb]igg?r%f[%A]", "")
  if opened == closed then -- Typst sizes delimiters itself once it knows that they are a pair
    text = text:gsub("\\[Bb]igg?l%f[%A]%s*", "\\left"):gsub("\\[Bb]igg?r%f[%A]%s*", "\\right")
  end
  local alt = "#[#set math.equation(alt: " .. quoted(m.text) .. (settings or "") .. ")\n"
  return { inline(alt), pandoc.Math(m.mathtype, text), inline((label or "") .. "]") }, false
end

local function span(s)
  if s.classes:includes("equation") then
    return maths(s.content[1], ', numbering: "(1)"', " <" .. s.identifier .. ">")
  elseif s.classes:includes("grey") then
    s.content:insert(1, inline("#grey["))
    s.content:insert(inline("]"))
    return s.content
  end
end

-- figures and tables ---------------------------------------------------------------------------------------------

local function image(img)
  local width, alt = img.attributes.width or "auto", str(img.caption)
  if alt == "" then alt = "picture without a description" end -- PDF/UA asks for one
  return string.format('image(%s, width: %s, fit: "contain", alt: %s)', quoted(img.src), width, quoted(alt))
end

local function floating(kind, id, placement, caption, body, settings)
  local label = id ~= "" and " <" .. id .. ">" or ""
  local start = string.format("#floating(%s)[%s#figure(kind: %s, caption: [", placement, settings or "", kind)
  local blocks = pandoc.List({ block(start) })
  blocks:insert(pandoc.Plain(pandoc.utils.blocks_to_inlines(caption)))
  blocks:insert(block("])["))
  blocks:insert(body)
  blocks:insert(block("]" .. label .. "]"))
  return blocks
end

local function figure(fig)
  local img
  fig:walk({ Image = function(i) img = img or i end })
  return floating("image", fig.identifier, img.attributes.placement or "auto", fig.caption.long, block("#" .. image(img)))
end

-- true for "5.93", "−0.40", "90.1 %", "4,000", "6.81 ± 0.12", "5.1 to 5.9", "$10^{-3}$"; false for words; nil for gaps
local function is_number(text)
  if text == "" or text == "–" or text == "NaN" then return nil end
  for _, mark in ipairs({ "−", "–", "±", "×", "\\times", " to ", "\u{a0}", "[{}^]" }) do
    text = text:gsub(mark, " ")
  end
  text = text:gsub("^%s+", "")
  return text:match("^[-+(]?%d[%d.,%s%%()+-]*$") ~= nil
end

local function align(tbl)
  for i, spec in ipairs(tbl.colspecs) do
    local numbers, words = false, false
    for _, body in ipairs(tbl.bodies) do
      for _, row in ipairs(body.body) do
        local number = row.cells[i] and is_number(str(row.cells[i].contents))
        numbers, words = numbers or number == true, words or number == false
      end
    end
    if spec[1] == "AlignDefault" then spec[1] = (numbers and not words) and "AlignRight" or "AlignLeft" end
  end
end

-- pandas writes a second header row that holds only the names of the index: merge it into the first
local function merge_header(tbl)
  local first, second = table.unpack(tbl.head.rows)
  if #tbl.head.rows ~= 2 or #first.cells ~= #second.cells then return end
  for i, cell in ipairs(first.cells) do
    if str(cell.contents) ~= "" and str(second.cells[i].contents) ~= "" then return end
  end
  for i, cell in ipairs(first.cells) do
    if str(cell.contents) == "" then cell.contents = second.cells[i].contents end
  end
  tbl.head.rows = { first }
end

local function numbered_table(tbl, id, caption, placement)
  align(tbl)
  tbl.classes:insert("typst:no-figure")
  tbl.identifier, tbl.caption = "", { long = {} }
  if #caption == 0 then return { block("#unnumbered["), tbl, block("]") } end
  local rows = 0
  for _, body in ipairs(tbl.bodies) do rows = rows + #body.body end
  return floating("table", id, placement or "none", caption, tbl,
    rows > LONG_TABLE and "#show figure: set block(breakable: true)\n")
end

-- what a code cell shows as HTML, followed by its caption
local function output(div)
  if not div.classes:includes("output") then return nil end
  local html = div.content[1].text:gsub("<style.-</style>", "")
  local shown, tables = pandoc.read(html, "html").blocks, pandoc.List()
  shown:walk({ Table = function(t) tables:insert(t) end })
  if #tables == 0 then return shown end
  local blocks = pandoc.List()
  for i, tbl in ipairs(tables) do
    merge_header(tbl)
    local caption = i == 1 and pandoc.List({ table.unpack(div.content, 2) }) or {}
    blocks:extend(numbered_table(tbl, i == 1 and div.identifier or "", caption, div.attributes.placement))
  end
  return blocks
end

-- the document ---------------------------------------------------------------------------------------------------

local inside = { Span = span, Math = maths, Cite = cite, traverse = "topdown" } -- captions and cells

local function filters(has_bibliography)
  local in_appendix = false
  return {
    traverse = "topdown", -- a figure before the image in it, an equation's label before its maths
    Span = span,
    Math = maths,
    Cite = cite,
    Para = function(p)
      local img = #p.content == 1 and p.content[1]
      if img and img.t == "Image" then return block("#unnumbered[#" .. image(img) .. "]"), false end
    end,
    Image = function(img) return inline("#box(" .. image(img) .. ")"), false end,
    Figure = function(fig) return figure(fig:walk(inside)), false end,
    Table = function(tbl)
      tbl = tbl:walk(inside)
      return numbered_table(tbl, tbl.identifier, tbl.caption.long, tbl.attributes.placement), false
    end,
    Div = function(div)
      local blocks = output(div:walk(inside))
      if blocks then return blocks, false end
    end,
    Header = function(h)
      if h.identifier == "references" and has_bibliography then
        return { block("#references["), pandoc.Plain(h.content), block("]") }, false
      elseif h.classes:includes("appendix") and not in_appendix then
        in_appendix = true
        return { block("#show: appendix"), h }, false
      end
    end,
  }
end

function Pandoc(doc)
  doc.blocks = doc.blocks:walk(filters(doc.meta.bibliography))
  return doc
end
