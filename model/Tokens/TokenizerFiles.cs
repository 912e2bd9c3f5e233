using Btx.Model.Files;

namespace Btx.Model.Tokens;

/// <summary>The files of a model directory that say how text becomes tokens, and which of them end it.</summary>
public static class TokenizerFiles
{
    private static readonly string[] Names = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "generation_config.json"];

    /// <summary>Copies those that are there, each file whole.</summary>
    /// <exception cref="BtxException">One cannot be written.</exception>
    public static void Copy(string from, string to)
    {
        foreach (var name in Names) AtomicFile.CopyIfThere(Path.Combine(from, name), Path.Combine(to, name));
    }
}
