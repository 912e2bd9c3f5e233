using System.Text.Json;

namespace Btx.LoadTests.Sweeps;

/// <summary>A served forest or BTX model on disk, as far as a sweep has to know it.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Precision">Of its weights.</param>
internal sealed record ServedDirectory(string Path, string Precision)
{
    public const string Forest = "served.json", Mixture = "served-btx.json";

    /// <summary>Reads <c>DIR</c> or <c>PRECISION=DIR</c>.</summary>
    /// <param name="file">The manifest that it has to hold.</param>
    /// <exception cref="LoadTestException">It is not one, or of another precision than is said.</exception>
    public static ServedDirectory Read(string option, string value, string file)
    {
        var at = value.IndexOf('=', StringComparison.Ordinal);
        var said = at > 0 && value[..at] is "fp32" or "fp16" or "int8" or "int4" ? value[..at] : null;
        var directory = said is null ? value : value[(at + 1)..];
        var manifest = System.IO.Path.Combine(directory, file);
        if (!File.Exists(manifest))
            throw new LoadTestException($"{option} {value}: {manifest} is not there; name a directory that `btx export` wrote");
        string? precision;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(manifest));
            precision = json.RootElement.GetProperty("precision").GetString();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or IOException
            or UnauthorizedAccessException)
        {
            throw new LoadTestException($"{option} {value}: {manifest} cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        if (precision is null or "") throw new LoadTestException($"{option} {value}: {manifest} names no precision");
        if (said is not null && said != precision)
            throw new LoadTestException($"{option} {value}: {manifest} is of {precision}, not of {said}");
        return new(System.IO.Path.GetFullPath(directory), precision);
    }

    /// <summary>Each of <paramref name="values"/> by precision, in their order.</summary>
    /// <exception cref="LoadTestException">As <see cref="Read"/>; or two are of one precision.</exception>
    public static IReadOnlyDictionary<string, string> ByPrecision(string option, IEnumerable<string> values, string file)
    {
        var found = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var value in values)
        {
            var directory = Read(option, value, file);
            if (!found.TryAdd(directory.Precision, directory.Path))
                throw new LoadTestException($"{option} {value}: {found[directory.Precision]} is of {directory.Precision} too; a sweep "
                    + "takes one of each precision");
        }

        return found;
    }
}
