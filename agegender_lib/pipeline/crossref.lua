-- How a checked report is written in Typst: what pandoc's own writer does not do, or does otherwise.
--   @fig-x, @tbl-x, @eq-x, @sec-x   references; all other @keys stay citations
--   ![caption](file){#fig-x}        a figure that floats near its text
--   tables                          captioned ones are numbered; columns of numbers are set to the right
--   # References                    the bibliography;   # Title {.appendix}  starts the appendix

local REFERENCE = { fig = true, tbl = true, eq = true, sec = true }
local has_bibliography, in_appendix = false, false

local function typst(text) return pandoc.RawBlock("typst", text) end
local function inline(text) return pandoc.RawInline("typst", text) end
local function quoted(text) return '"' .. text:gsub("[\\\"]", "\\%0"):gsub("%s+", " ") .. '"' end
local function label(id) return id ~= "" and (" <" .. id .. ">") or "" end
local function is_reference(id) return REFERENCE[id:match("^(%a+)%-") or ""] end

local function length(value)  -- "80%", "12cm"; pandoc drops a bare number's meaning, so do not guess one
  if not value then return "auto" end
  if not value:match("^[%d.]+%%$") and not value:match("^[%d.]+[cmin][mn]$") and not value:match("^[%d.]+pt$") then
    error("report: the width " .. value .. " is neither a share (80%) nor a length (12cm)")
  end
  return value
end

local PLACEMENTS = { auto = true, none = true, top = true, bottom = true }
local function placement(value, default)
  value = value or default
  if not PLACEMENTS[value] then error("report: the placement " .. value .. " is none of auto, none, top, bottom") end
  return value
end

local function image_call(img, alt)
  return "image(" .. quoted(img.src):gsub("%%20", " ") .. ", width: " .. length(img.attributes.width)
    .. ", alt: " .. quoted(img.attributes.alt or alt) .. ")"
end

-- the blocks of a numbered figure or table: caption and body stay pandoc's, everything around is Typst
local function floating(kind, id, place, caption, body, breakable)
  local blocks = pandoc.List({ typst(string.format(
    "#floating(%s)[#figure(kind: %s, caption: [", place, kind)) })
  blocks:extend(pandoc.utils.blocks_to_inlines and { pandoc.Plain(pandoc.utils.blocks_to_inlines(caption)) } or caption)
  blocks:insert(typst("])["  .. (breakable and "#set block(breakable: true)" or "")))
  blocks:extend(body)
  blocks:insert(typst("]" .. label(id) .. "]"))
  return blocks
end

local function figure(fig)
  local images = pandoc.List()
  fig:walk({ Image = function(i) images:insert(i) end })
  local img = images[1]
  local alt = pandoc.utils.stringify(fig.caption.long)
  local place = placement(fig.attributes.placement or img.attributes.placement, "auto")
  return floating("image", fig.identifier, place, fig.caption.long, { typst("#" .. image_call(img, alt)) })
end

local function numeric(text)  -- "5.93", "−0.40", "90.1 %", "4,000", "6.81 ± 0.12", "5.1 to 5.9", "–"
  if text == "–" or text == "NaN" then return nil end
  return text:gsub("−", "-"):gsub("±", ""):gsub("–", "-"):gsub("\u{a0}", " "):gsub(" to ", " "):match("^[-+(]?%d[%d.,%s%%()+-]*$") ~= nil
end

-- left for text, right for numbers, where the source leaves it open
local function align(tbl)
  for i, spec in ipairs(tbl.colspecs) do
    local numbers, texts = 0, 0
    for _, body in ipairs(tbl.bodies) do
      for _, row in ipairs(body.body) do
        local cell = row.cells[i]
        local text = cell and pandoc.utils.stringify(cell.contents) or ""
        local is = text ~= "" and numeric(text)
        if is then numbers = numbers + 1 elseif is == false and text ~= "" then texts = texts + 1 end
      end
    end
    if spec[1] == "AlignDefault" then
      spec[1] = (numbers > 0 and texts == 0) and "AlignRight" or "AlignLeft"
    end
    spec[2] = nil
  end
end

-- pandas writes a second header row that holds only the names of the index: merge it into the first
local function merge_header(tbl)
  local rows = tbl.head.rows
  if #rows ~= 2 or #rows[1].cells ~= #rows[2].cells then return end
  for i, cell in ipairs(rows[1].cells) do
    local other = rows[2].cells[i]
    local a, b = pandoc.utils.stringify(cell.contents), pandoc.utils.stringify(other.contents)
    if a ~= "" and b ~= "" then return end
  end
  for i, cell in ipairs(rows[1].cells) do
    if #cell.contents == 0 then cell.contents = rows[2].cells[i].contents end
  end
  rows:remove(2)
  tbl.head.rows = rows
end

local function table_blocks(tbl, id, caption, place)
  align(tbl)
  tbl.classes:insert("typst:no-figure")
  tbl.identifier, tbl.caption = "", { long = {} }
  if #caption == 0 then return { typst("#unnumbered["), tbl, typst("]") } end
  local rows = 0
  for _, body in ipairs(tbl.bodies) do rows = rows + #body.body end
  return floating("table", id, place, caption, { tbl }, rows > 24)
end

local function plain_table(tbl)
  return table_blocks(tbl, tbl.identifier, tbl.caption.long, placement(tbl.attributes.placement, "none"))
end

-- HTML that a code cell shows; its caption follows it
local function output(div)
  if not div.classes:includes("output") then return nil end
  local html = div.content[1].text:gsub("<style.-</style>", "")
  local blocks = pandoc.read(html, "html").blocks
  local caption = pandoc.List(div.content):filter(function(b) return b.t ~= "RawBlock" end)
  local tables = pandoc.List()
  blocks:walk({ Table = function(t) tables:insert(t) end })
  if #tables == 0 then
    if pandoc.utils.stringify(blocks) == "" then error("report: a code cell shows HTML without text: " .. html:sub(1, 60)) end
    return blocks
  end
  local result = pandoc.List()
  for i, tbl in ipairs(tables) do
    merge_header(tbl)
    result:extend(table_blocks(tbl, i == 1 and div.identifier or "", i == 1 and caption or {},
      placement(div.attributes.placement, "none")))
  end
  return result
end

local function cite(c)
  local parts = pandoc.List()
  for i, citation in ipairs(c.citations) do
    if not is_reference(citation.id) then return nil end
    parts:extend(i > 1 and { pandoc.Str(","), pandoc.Space() } or {})
    parts:extend(citation.prefix)
    parts:insert(inline("#ref(<" .. citation.id .. ">)"))
    parts:extend(citation.suffix)
  end
  return parts
end

-- Typst sizes delimiters by itself when it knows that they are a pair
local function maths(m)
  local text = m.text
  local _, opened = text:gsub("\\[Bb]igg?l%f[%A]", "")
  local _, closed = text:gsub("\\[Bb]igg?r%f[%A]", "")
  if opened == closed then
    text = text:gsub("\\[Bb]igg?l%f[%A]%s*", "\\left"):gsub("\\[Bb]igg?r%f[%A]%s*", "\\right")
  end
  local alt = "#set math.equation(alt: " .. quoted(m.text) .. ")\n"
  return { inline("#[" .. alt), pandoc.Math(m.mathtype, text), inline("]") }
end

local function span(s)
  if s.classes:includes("equation") then
    local parts = maths(s.content[1])
    parts[1].text = parts[1].text .. '#set math.equation(numbering: "(1)")\n'
    parts[3].text = label(s.identifier) .. "]"
    return parts, false
  elseif s.classes:includes("grey") then
    return { inline("#grey["), table.unpack(s.content), inline("]") }
  end
end

local function header(h)
  if h.identifier == "references" and has_bibliography then
    return { typst("#references["), pandoc.Plain(h.content), typst("]") }
  elseif h.classes:includes("appendix") and not in_appendix then
    in_appendix = true
    return { typst("#show: appendix"), h }
  end
end

function Pandoc(doc)
  has_bibliography = doc.meta["has-bibliography"] ~= nil
  -- one pass from the top, so that a figure is met before the image in it and an equation before its maths
  doc.blocks = doc.blocks:walk({
    traverse = "topdown",
    Figure = function(f) return figure(f:walk({ Math = maths, Cite = cite })), false end,
    Table = function(t) return plain_table(t:walk({ Span = span, Math = maths, Cite = cite })), false end,
    Div = function(d)
      local blocks = output(d)
      if blocks then return blocks:walk and pandoc.Blocks(blocks):walk({ Math = maths, Cite = cite }), false end
    end,
    Image = function(i)
      return inline("#box(" .. image_call(i, i.caption and pandoc.utils.stringify(i.caption) or "") .. ")"), false
    end,
    Span = span, Math = function(m) return maths(m), false end, Cite = function(c) local r = cite(c); if r then return r, false end end,
    Header = header,
  })
  return doc
end
