using Btx.Model;
using Btx.Trainer.RoutingStatistics;
using Btx.Trainer.Tests.Corpora;

namespace Btx.Trainer.Tests.RoutingStatistics;

public sealed class RoutingCurveTests
{
    private static readonly string[] Experts = ["ants", "bees"];

    [Fact]
    public void Rows_up_to_a_step_come_back_as_they_were_written()
    {
        using var folder = new TemporaryFolder();
        var curve = RoutingCurve.Of(folder.Path, Experts);
        curve.Rows.AddRange([new(10, 320, 0, 0, 0.75, 0.6, 0.970951), new(10, 320, 0, 1, 0.25, 0.4, 0.970951)]);
        curve.Rows.AddRange([new(20, 640, 0, 0, 1, 1, 0), new(20, 640, 0, 1, 0, 0, 0)]);
        curve.Save();
        var lines = File.ReadAllLines(Path.Combine(folder.Path, "routing.csv"));
        Assert.Equal(["step,tokens,layer,expert,name,top1_share,gate_share,layer_entropy_bits",
            "10,320,0,0,ants,0.750000,0.600000,0.970951"], lines[..2]);
        var read = RoutingCurve.Of(folder.Path, Experts);
        read.Load(20);
        Assert.Equal(curve.Rows, read.Rows);
        read.Load(19);
        Assert.Equal(curve.Rows.Take(2), read.Rows);
    }

    [Theory]
    [InlineData("10,320,0,2,cows,0.5,0.5,1")]
    [InlineData("10,320,0")]
    [InlineData("10,320,0,0,ants,much,0.5,1")]
    public void A_line_of_something_else_is_named(string line)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(Path.Combine(folder.Path, "routing.csv"), ["header", line]);
        Assert.Contains("is not a row of",
            Assert.Throws<BtxException>(() => RoutingCurve.Of(folder.Path, Experts).Load(99)).Message);
    }
}
