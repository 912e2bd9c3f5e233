using Btx.Fixtures;
using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Forests;
using Btx.Model.Tensors;
using Btx.Peers;

namespace Btx.LoadTests.Tests.Peers;

public sealed class DenseForestTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("btx-dense-");

    public void Dispose() => _root.Delete(recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void It_has_as_many_parameters_as_the_mixture_has_active(int k)
    {
        new TinyMoe().Write(At("btx"));
        var config = DenseForest.Like(At("btx"), k, At("forest"));
        var mixture = TinyMoe.DefaultConfig;
        var routers = (long)mixture.NumHiddenLayers * k * mixture.HiddenSize; // of k experts' rows
        Assert.Equal((mixture with { Moe = new MoeConfig(k, k) }).ParameterCount - routers, config.ParameterCount);
        var manifest = ForestManifest.Load(At("forest"));
        using var checkpoint = Checkpoint.Open(Path.Combine(At("forest"), Assert.Single(manifest.Experts).Path));
        checkpoint.CheckFinite();
        Assert.Equal(config.Fingerprint(), manifest.Architecture);
    }

    [Fact]
    public void A_trained_model_is_taken_as_it_is()
    {
        new TinyForest { Shards = 2 }.WriteExpert(At("model"), 4);
        DenseForest.Of(At("model"), At("forest"));
        var expert = Assert.Single(ForestManifest.Load(At("forest")).Experts);
        Assert.Equal(CheckpointFiles.Hash(At("model")), expert.Sha256);
        Assert.Equal(CheckpointFiles.Hash(At("model")), CheckpointFiles.Hash(Path.Combine(At("forest"), expert.Path)));
    }

    [Fact]
    public void What_cannot_be_made_says_why()
    {
        new TinyMoe().Write(At("btx"));
        new TinyForest().WriteExpert(At("model"), 4);
        Assert.Contains("use 1..4", Assert.Throws<BtxException>(() => DenseForest.Like(At("btx"), 5, At("a"))).Message,
            StringComparison.Ordinal);
        Assert.Contains("no BTX model", Assert.Throws<BtxException>(() => DenseForest.Like(At("model"), 2, At("b"))).Message,
            StringComparison.Ordinal);
        Assert.Contains("mixtral", Assert.Throws<BtxException>(() => DenseForest.Of(At("btx"), At("c"))).Message, StringComparison.Ordinal);
        Assert.Contains("is not empty", Assert.Throws<BtxException>(() => DenseForest.Like(At("btx"), 2, At("model"))).Message,
            StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_root.FullName, name);
}
