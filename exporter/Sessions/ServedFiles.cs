using Btx.Model.Tensors;

namespace Btx.Exporter.Sessions;

/// <summary>Safetensors files that belong together. Owns the mappings.</summary>
internal sealed class ServedFiles : IDisposable
{
    private readonly List<SafetensorsFile> files = [];

    public ServedFiles(IEnumerable<string> paths)
    {
        try
        {
            foreach (var path in paths) files.Add(SafetensorsFile.Open(path));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public IReadOnlyList<SafetensorsFile> Files => files;

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }
}
