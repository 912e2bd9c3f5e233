using System.Globalization;
using Btx.Bench.Tokenizer;
using Btx.Model;

// Encoding speed of Btx's tokenizer and GenAI's, on the same text, in one run, in alternation.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const string Usage = """
    usage: Btx.Bench.Tokenizer TEXTFILE TOKENIZER_DIR [PAIRS]
      TEXTFILE       UTF-8 text, some megabytes
      TOKENIZER_DIR  holds tokenizer.json and tokenizer_config.json
      PAIRS          how often each encodes the whole text after the first time (default 7)
    """;
if (args.Length is < 2 or > 3 || (args.Length == 3 && !int.TryParse(args[2], out _)))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

try
{
    return TokenizerPair.Run(args[0], args[1], args.Length == 3 ? int.Parse(args[2]) : 7);
}
catch (BtxException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 1;
}
