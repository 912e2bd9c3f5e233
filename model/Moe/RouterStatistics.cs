using System.Globalization;
using System.Runtime.InteropServices;
using Btx.Model.Tensors;

namespace Btx.Model.Moe;

/// <summary>
/// Hidden states of every domain, summed up, as a safetensors file: tensors <c>NAME.layers.L.count</c> (I64 [1]), <c>.sum</c> [d],
/// <c>.gram</c> [d, d], <c>.sample</c> [S, d] (F32). Read in the experts' own networks, the part of one expert depends on no other:
/// leaving it out is exact, and routers can be fitted again without any text.
/// </summary>
/// <param name="Form">See <see cref="HiddenStateForm"/>.</param>
/// <param name="Tokens">Tokens asked for of each domain.</param>
public sealed record RouterStatistics(string Form, long Tokens, IReadOnlyList<DomainStatistics> Domains)
{
    /// <summary>Inside a BTX model's directory, and inside a served one. In a folder of its own: some loaders read every safetensors file
    /// beside config.json.</summary>
    public static readonly string FileName = Path.Combine("router", "statistics.safetensors");

    /// <exception cref="BtxException">The disk is full or the path cannot be written.</exception>
    public void Save(string path)
    {
        var tensors = new List<(string, TensorDtype, long[])>();
        var values = new Dictionary<string, Array>(StringComparer.Ordinal);
        foreach (var domain in Domains)
        {
            for (var l = 0; l < domain.Layers.Count; l++)
            {
                var layer = domain.Layers[l];
                long d = layer.Sum.Length;
                void Add(string part, TensorDtype dtype, long[] shape, Array data)
                {
                    tensors.Add(($"{domain.Expert}.layers.{l}.{part}", dtype, shape));
                    values.Add(tensors[^1].Item1, data);
                }

                Add("count", TensorDtype.I64, [1], new[] { layer.Count });
                Add("sum", TensorDtype.F32, [d], layer.Sum);
                Add("gram", TensorDtype.F32, [d, d], layer.Gram);
                Add("sample", TensorDtype.F32, [layer.Sample.Length / d, d], layer.Sample);
            }
        }

        var about = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["experts"] = string.Join(",", Domains.Select(d => d.Expert)),
            ["layers"] = Domains[0].Layers.Count.ToString(CultureInfo.InvariantCulture),
            ["states"] = Form,
            ["tokens_per_domain"] = Tokens.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var domain in Domains) about[$"expert {domain.Expert}"] = $"{domain.Sha256} {domain.Text}";
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        SafetensorsWriter.Write(path, tensors, (name, bytes) => Bytes(values[name]).CopyTo(bytes), about);
    }

    /// <param name="wanted">Given an expert's name, what it was computed from, and no layers: whether to read them;
    /// null: all. Nothing is read of the others.</param>
    /// <exception cref="BtxException">Missing, no such file, or its parts do not fit together.</exception>
    public static RouterStatistics Load(string path, Func<DomainStatistics, bool>? wanted = null)
    {
        using var file = SafetensorsFile.Open(path);
        return Read(file, wanted);
    }

    public static RouterStatistics Read(SafetensorsFile file, Func<DomainStatistics, bool>? wanted = null)
    {
        var path = file.Path;
        string About(string key) => file.Metadata.GetValueOrDefault(key)
            ?? throw new BtxException($"{path}: its header lacks \"{BtxException.OneLine(key)}\"; expected router "
            + "statistics that `btx train mix` wrote");
        if (!int.TryParse(About("layers"), NumberStyles.None, CultureInfo.InvariantCulture, out var layers) || layers is < 1 or > 4096
            || !long.TryParse(About("tokens_per_domain"), NumberStyles.None, CultureInfo.InvariantCulture, out var tokens))
            throw new BtxException($"{path}: its header names no number of layers or tokens");
        var domains = About("experts").Split(',').Select(name =>
        {
            var source = About($"expert {name}").Split(' ');
            if (source.Length != 2)
                throw new BtxException($"{path}: its header does not say what \"{BtxException.OneLine(name)}\" was computed from");
            return new DomainStatistics(name, source[0], source[1], []);
        }).Where(domain => wanted is null || wanted(domain)).Select(domain =>
            domain with { Layers = [.. Enumerable.Range(0, layers).Select(l => Layer(file, $"{domain.Expert}.layers.{l}."))] }).ToArray();
        return new RouterStatistics(About("states"), tokens, domains);
    }

    private static unsafe LayerStatistics Layer(SafetensorsFile file, string prefix)
    {
        float[] Read(string part, int dimensions, long width)
        {
            var info = file[prefix + part];
            if (info.Dtype != TensorDtype.F32 || info.Shape.Count != dimensions || (width > 0 && info.Shape[^1] != width)
                || (part == "gram" && info.Shape[0] != width))
                throw new BtxException($"{file.Path}: tensor \"{info.Name}\" has dtype {info.Dtype} and shape "
                + $"[{string.Join(", ", info.Shape)}]; router statistics do not look like that");
            var values = new float[info.ElementCount];
            file.CopyTo(info, values);
            return values.All(float.IsFinite) ? values
                : throw new BtxException($"{file.Path}: tensor \"{info.Name}\" holds a value that is not finite");
        }

        var count = file[prefix + "count"];
        if (count.Dtype != TensorDtype.I64 || count.ElementCount != 1)
            throw new BtxException($"{file.Path}: tensor \"{count.Name}\" is no single I64");
        var n = *(long*)file.Pointer(count);
        var sum = Read("sum", 1, 0);
        if (n < 1 || sum.Length == 0)
            throw new BtxException($"{file.Path}: tensor \"{count.Name}\" is {n}; expected the number of states, at least 1");
        return new LayerStatistics(n, sum, Read("gram", 2, sum.Length), Read("sample", 2, sum.Length));
    }

    private static ReadOnlySpan<byte> Bytes(Array values) =>
        values is long[] longs ? MemoryMarshal.AsBytes(longs.AsSpan()) : MemoryMarshal.AsBytes(((float[])values).AsSpan());
}

/// <summary>The hidden states of one expert's domain in every layer, and what they were computed from.</summary>
/// <param name="Expert">Name in the forest.</param>
/// <param name="Sha256">Of the expert's weights.</param>
/// <param name="Text">Key of the token shard: equal keys mean equal text under the same tokenizer.</param>
public sealed record DomainStatistics(string Expert, string Sha256, string Text, IReadOnlyList<LayerStatistics> Layers);

/// <summary>What a router is fitted to: the hidden states x that one layer's router would read on the text of one domain.</summary>
/// <param name="Count">n, number of states in the sums.</param>
/// <param name="Sum">Σ x, [d]; summed in fp64.</param>
/// <param name="Gram">Σ x xᵀ, [d, d]; summed in fp64.</param>
/// <param name="Sample">Other states, [S, d], which the sums do not hold (unless the text has a single
/// window): for the scale and the accuracy.</param>
public sealed record LayerStatistics(long Count, float[] Sum, float[] Gram, float[] Sample);
