"""Names that people use for models, and the names under which they are built."""

CNN = "cnn"
CONVMIXER = "convmixer"
TORCHVISION = "torchvision/"

# As papers, Keras and the studies write them; compared without case, dashes and the like.
ALIASES = {
    "VGG16": "vgg16",
    "ResNet18": "resnet18",
    "ResNet34": "resnet34",
    "ResNet50": "resnet50",
    "EfficientNetV2-B0": "tf_efficientnetv2_b0",
    "EfficientNetV2-B1": "tf_efficientnetv2_b1",
    "EfficientNetV2-B2": "tf_efficientnetv2_b2",
    "EfficientNetV2-B3": "tf_efficientnetv2_b3",
    "EfficientNetV2-S": "tf_efficientnetv2_s",
    "EfficientNetV2-M": "tf_efficientnetv2_m",
    "EfficientNetV2-L": "tf_efficientnetv2_l",
    "EfficientNet-B0": "efficientnet_b0",
    "ConvNeXt-Tiny": "convnext_tiny",
    "ConvNeXt-Small": "convnext_small",
    "ConvNeXt-Base": "convnext_base",
    "ConvNeXt-Large": "convnext_large",
    "ConvNeXt-XLarge": "convnext_xlarge",
    "Inception-ResNet-v2": "inception_resnet_v2",
    "NASNet-Large": "nasnetalarge",
    "MobileNetV2": "mobilenetv2_100",
    "MobileNetV3-Small": "mobilenetv3_small_100",
    "MobileNetV3-Large": "mobilenetv3_large_100",
    "BEiT": "beit_base_patch16_224",
    "ViT-B/16": "vit_base_patch16_224",
}


def _normalise_name(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


_BY_PLAIN_NAME = {_normalise_name(alias): name for alias, name in ALIASES.items()}


def resolve_name(name: str) -> str:
    """Resolve an alias to timm's name, with its tag if one was given; keep any other name.

    ``"ViT-B/16"``, ``"vit_b_16"`` and ``"ViTB16.augreg_in21k"`` are understood. What timm itself
    calls a model is that model: ``"efficientnetv2_s"`` is not ``"EfficientNetV2-S"``, which is
    ``"tf_efficientnetv2_s"``, the one with the paper's weights.
    """
    import timm  # takes seconds, and whoever asks for names alone does without it

    model, dot, tag = name.partition(".")
    return name if timm.is_model(model) else resolve_alias(model) + dot + tag


def resolve_alias(model: str) -> str:
    """Resolve a paper's or Keras' name, without a tag, to timm's; keep any other name."""
    return _BY_PLAIN_NAME.get(_normalise_name(model), model)


def has_no_pretrained_weights(name: str) -> bool:
    """Whether nobody publishes weights for a model, so that it starts from random ones.

    Args:
        name: as `resolve_name` returns it.
    """
    return name.partition("/")[0] in (CNN, CONVMIXER)
