using System.Text.Json;
using Btx.Model;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Licence texts of the SPDX list.</summary>
public static class SpdxLicences
{
    /// <summary>The <c>licenseText</c> of every entry of <c>spdx-full.json</c>, by identifier.</summary>
    /// <exception cref="BtxException">The file is not that list.</exception>
    public static IEnumerable<CorpusDocument> Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. json.RootElement.EnumerateObject()
                .OrderBy(entry => entry.Name, StringComparer.Ordinal)
                .Select(entry => new CorpusDocument(entry.Name, entry.Value.GetProperty("licenseText").GetString()!))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new BtxException($"{path}: not the SPDX licence list: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
