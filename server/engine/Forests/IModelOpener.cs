using Btx.Model;
using Btx.Model.Tensors;

namespace Btx.Engine.Forests;

/// <summary>Opens models beside the running forest. Tests of changes have a fake.</summary>
internal interface IModelOpener
{
    /// <summary>Checks an expert's files and opens it for a quick start, without prepacking. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedModel OpenExpert(ExpertSource expert, CancellationToken cancellation = default);

    /// <summary>Opens the weights of an expert by private copies of them.</summary>
    /// <param name="mustBe">Where the directory must really lie; null: wherever its path leads.</param>
    /// <exception cref="BtxException">A file is missing or damaged, or of another architecture; one clear line.</exception>
    Checkpoint OpenWeights(string name, string directory, CancellationToken cancellation, string? mustBe = null);

    /// <summary>Checks and opens a served BTX model. The caller holds the model.</summary>
    /// <exception cref="BtxException">A file is missing or damaged, or does not fit the forest; one clear line.</exception>
    ServedMixture OpenMixture(string directory);
}
