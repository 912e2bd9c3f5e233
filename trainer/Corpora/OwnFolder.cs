using System.Security.Cryptography;
using System.Text;
using Btx.Model;
using Btx.Trainer.Corpora.Extraction;

namespace Btx.Trainer.Corpora;

/// <summary>
/// Documents of a user's own folder: every <c>.txt</c> (long ones divided at empty lines) and every line of every <c>.jsonl</c>
/// with a "text" and optionally an "id".
/// </summary>
public static class OwnFolder
{
    private const int LongText = 32_000;
    private const int PassageCharacters = 16_000;
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The folder's text files in a stable order.</summary>
    /// <exception cref="BtxException">No such folder, or no such file in it.</exception>
    public static IReadOnlyList<(string Id, string Path)> Files(string folder)
    {
        if (!Directory.Exists(folder)) throw new BtxException($"folder {folder} is not there; --domain takes NAME=FOLDER");
        (string Id, string Path)[] files = [.. SourceFiles.Paths(folder, "*").Where(f => f.Id.EndsWith(".txt", StringComparison.Ordinal) || f.Id.EndsWith(".jsonl", StringComparison.Ordinal))];
        return files.Length > 0 ? files : throw new BtxException($"folder {folder} has no .txt or .jsonl file");
    }

    /// <summary>Reads the documents; ids are <c>file</c>, <c>file/PASSAGE</c>, <c>file:LINE</c> or what the line says.</summary>
    /// <exception cref="BtxException">A file is not UTF-8, a line is not a document, or an id stands twice; names file and line.</exception>
    public static IEnumerable<CorpusDocument> Read(string folder)
    {
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, path) in Files(folder))
        {
            var lines = name.EndsWith(".jsonl", StringComparison.Ordinal);
            var documents = lines ? DocumentLines.Read(path, number => $"{name}:{number}") : TextFile(name, path);
            foreach (var document in documents)
            {
                if (!ids.TryAdd(document.Id, path))
                    throw new BtxException($"{path}: id \"{document.Id}\" stands already in {ids[document.Id]}; ids must be unique in a domain");
                yield return document;
            }
        }
    }

    /// <summary>SHA-256 over the names and contents of the folder's text files: changes when any of them does.</summary>
    public static string Hash(string folder)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (name, path) in Files(folder))
        {
            using var stream = File.OpenRead(path);
            hash.AppendData(Encoding.UTF8.GetBytes(name + "\n"));
            hash.AppendData(SHA256.HashData(stream));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static IEnumerable<CorpusDocument> TextFile(string name, string path)
    {
        var text = Decode(path, File.ReadAllBytes(path));
        if (text.Length <= LongText) return [new CorpusDocument(name, text)];
        var paragraphs = text.ReplaceLineEndings("\n").Split("\n\n");
        return Passages.Join(paragraphs, PassageCharacters).Select((passage, i) => new CorpusDocument($"{name}/{i}", passage));
    }

    private static string Decode(string path, byte[] bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            var line = 1 + bytes.AsSpan(0, Math.Clamp(e.Index, 0, bytes.Length)).Count((byte)'\n');
            throw new BtxException($"{path}: line {line}: not valid UTF-8; convert the file (iconv -t UTF-8)", e);
        }
    }
}
